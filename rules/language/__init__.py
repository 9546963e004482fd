"""The rule language: YAML nodes with their places, a closed vocabulary, typed trees, faults that name the mend."""
