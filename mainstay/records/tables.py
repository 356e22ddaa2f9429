"""The tables, as SQLAlchemy Core. ``migrations/`` builds them; a test holds the two equal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC. SQLite has no zones, so they are taken off and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        at = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """Text as it came. PostgreSQL cannot hold U+0000, so both databases get U+FFFD in its place."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value.replace("\x00", "\ufffd") if value is not None else None


KEY = 1000
"""Longest key: what Temporal allows for the id of a workflow."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, Words, nullable=False, default="", server_default="")


def _at(name: str, **options: Any) -> Column[datetime]:
    return Column(name, Instant, **options)


incidents = Table(
    "incidents",
    metadata,
    Column("key", String(KEY), primary_key=True),
    Column("workflow_id", Words, nullable=False, index=True),
    Column("number", String(32), unique=True),
    _text("title"),
    Column("service", Words, nullable=False, server_default="", index=True),
    _text("team"),
    _text("severity"),
    Column("rank", Integer, nullable=False, server_default="0"),
    _text("phase"),
    _at("declared_at", index=True),
    _at("acknowledged_at"),
    _at("mitigated_at"),
    _at("resolved_at"),
    _at("closed_at"),
    _text("commander"),
    _text("public_name"),
    _text("public_state"),
    _text("public_text"),
    _at("public_at"),
    Column("exercise", Boolean, nullable=False, server_default=false()),
    # Bookkeeping of the journal; not part of IncidentRow.
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("chain_length", Integer, nullable=False, server_default="0"),
    Column("chain_hash", String(64), nullable=False, server_default=""),
)

incident_numbers = Table(
    "incident_numbers",
    metadata,
    Column("key", String(KEY), primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    _at("drawn_at", nullable=False),
)

number_counters = Table(
    "number_counters",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("key", String(KEY), ForeignKey("incidents.key"), primary_key=True),
    Column("source", String(KEY), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    _at("at", nullable=False),
    Column("kind", String(64), nullable=False),
    Column("entry", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("key", "position"),
)

occurrences = Table(
    "occurrences",
    metadata,
    Column("occurrence", Words, primary_key=True),
    Column("key", String(KEY), ForeignKey("incidents.key"), primary_key=True),
)

action_items = Table(
    "action_items",
    metadata,
    Column("id", String(KEY), primary_key=True),
    Column("incident_key", String(KEY), nullable=False, server_default="", index=True),
    _text("incident_number"),
    _text("text"),
    Column("owner", Words, nullable=False, index=True),
    _at("due", nullable=False),
    _text("kind"),
    _text("priority"),
    Column("status", String(32), nullable=False, index=True),
    _at("created_at"),
    _at("done_at"),
    Column("reminders", Integer, nullable=False, server_default="0"),
    _text("workflow_id"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", String(KEY), primary_key=True),
    Column("schedule", String(KEY), nullable=False),
    Column("person", Words),
    _at("start", nullable=False),
    _at("end", nullable=False),
    _text("note"),
    _text("by"),
    _at("created_at", nullable=False),
    _at("removed_at"),
    _text("removed_by"),
    _text("origin"),
    Index("ix_overrides_schedule_end", "schedule", "end"),
)

swaps = Table(
    "swaps",
    metadata,
    Column("id", String(KEY), primary_key=True),
    Column("schedule", String(KEY), nullable=False),
    _text("giver"),
    _text("taker"),
    _at("start", nullable=False),
    _at("end", nullable=False, index=True),
    _at("return_start"),
    _at("return_end"),
    _text("note"),
    Column("state", String(32), nullable=False),
    _text("answered_by"),
    _at("created_at", nullable=False),
    _at("answered_at"),
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    _text("name"),
    _text("by"),
    _at("created_at", nullable=False),
    _at("revoked_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(KEY), primary_key=True),
    Column("incident_key", String(KEY), nullable=False, server_default="", index=True),
    _text("person"),
    _text("method"),
    _text("channel"),
    _text("reason"),
    Column("state", String(32), nullable=False),
    _text("provider_id"),
    _text("detail"),
    _at("at", nullable=False, index=True),
    Index("ix_deliveries_provider_id", "provider_id"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", String(KEY), primary_key=True),
    Column("incident_key", String(KEY), nullable=False, server_default="", index=True),
    Column("run", Words, nullable=False),
    _text("step"),
    _text("target"),
    _text("title"),
    _text("command"),
    _text("digest"),
    _at("at", nullable=False),
    _at("undone_at"),
)
