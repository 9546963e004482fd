"""RULES: what the salon decides. The owner's YAML stands here; ``language`` reads it, ``evaluation`` turns it into
statements over all customers, ``decisions`` answers one question at a time. Nothing here writes.
"""
