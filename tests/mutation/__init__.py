"""Mutation testing on demand: ``python -m tests.mutation money`` changes one thing at a time in the code that handles
money, bookings, access or rules, runs the tests that execute the changed line, and lists the changes that no test
noticed.

``operators.py`` makes the mutants, ``runner.py`` is the pytest plugin that runs them, ``accepted.toml`` names each
surviving mutant that changes nothing observable, with the reason.
"""
