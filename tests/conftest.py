"""Shared by all tests: the session's real servers, and the ledger of shown capabilities."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so. Children would inherit it and could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.stackfixtures", "tests.ledger"]
