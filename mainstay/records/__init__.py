"""The record store: what outlives Temporal's retention. SQLite embedded, PostgreSQL in production."""

from mainstay.records.store import Store

__all__ = ["Store"]
