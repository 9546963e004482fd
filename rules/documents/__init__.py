"""The documents an owner edits, one file a subject, typed. Each class shows its YAML in its docstring."""
