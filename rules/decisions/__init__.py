"""Decisions: one question at a time, plain values in, plain values out."""
