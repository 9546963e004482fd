"""THE FIRST DAY: a demo salon, reference data, and generators for large salons."""
