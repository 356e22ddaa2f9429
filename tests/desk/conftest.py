"""Fixtures of this room."""

from tests.desk.fixtures import lab

__all__ = ["lab"]
