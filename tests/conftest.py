"""Shared by all tests: the session's real servers, and the ledger of shown capabilities."""

from __future__ import annotations

pytest_plugins = ["tests.stackfixtures", "tests.ledger"]
