"""Passwords, sessions and throttling: what stands between the street and the salon."""
