"""Fixtures of this room."""

from tests.desk.fixtures import broken_store, lab

__all__ = ["broken_store", "lab"]
