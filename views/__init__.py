"""SCREENS: what people see. ``register_screens`` dresses an application with pages; only ``run.py`` calls it."""

from views.registration import register_screens

__all__ = ["register_screens"]
