"""Bringing in what a salon has: spreadsheets as they are, refusing what cannot be, losing nothing."""
