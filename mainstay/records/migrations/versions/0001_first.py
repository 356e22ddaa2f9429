"""Incidents, journal, numbers, action items, overrides, deliveries, standing effects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "action_items",
        sa.Column("id", sa.String(length=1000), nullable=False),
        sa.Column("incident_key", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("incident_number", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("workflow_id", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_action_items"),
    )
    op.create_index("ix_action_items_incident_key", "action_items", ["incident_key"], unique=False)
    op.create_index("ix_action_items_owner", "action_items", ["owner"], unique=False)
    op.create_index("ix_action_items_status", "action_items", ["status"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=1000), nullable=False),
        sa.Column("incident_key", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column("method", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_at", "deliveries", ["at"], unique=False)
    op.create_index("ix_deliveries_incident_key", "deliveries", ["incident_key"], unique=False)
    op.create_table(
        "effects",
        sa.Column("id", sa.String(length=1000), nullable=False),
        sa.Column("incident_key", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("command", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_effects"),
    )
    op.create_index("ix_effects_incident_key", "effects", ["incident_key"], unique=False)
    op.create_table(
        "incident_numbers",
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_incident_numbers"),
        sa.UniqueConstraint("number", name="uq_incident_numbers_number"),
    )
    op.create_table(
        "incidents",
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), server_default="", nullable=False),
        sa.Column("rank", sa.Integer(), server_default="0", nullable=False),
        sa.Column("phase", sa.Text(), server_default="", nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mitigated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("commander", sa.Text(), server_default="", nullable=False),
        sa.Column("public_name", sa.Text(), server_default="", nullable=False),
        sa.Column("public_state", sa.Text(), server_default="", nullable=False),
        sa.Column("public_text", sa.Text(), server_default="", nullable=False),
        sa.Column("public_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exercise", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chain_length", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chain_hash", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_incidents"),
        sa.UniqueConstraint("number", name="uq_incidents_number"),
    )
    op.create_index("ix_incidents_declared_at", "incidents", ["declared_at"], unique=False)
    op.create_index("ix_incidents_service", "incidents", ["service"], unique=False)
    op.create_index("ix_incidents_workflow_id", "incidents", ["workflow_id"], unique=False)
    op.create_table(
        "number_counters",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_number_counters"),
    )
    op.create_table(
        "overrides",
        sa.Column("id", sa.String(length=1000), nullable=False),
        sa.Column("schedule", sa.String(length=1000), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
    )
    op.create_index("ix_overrides_schedule_end", "overrides", ["schedule", "end"], unique=False)
    op.create_table(
        "journal",
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("source", sa.String(length=1000), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["incidents.key"], name="fk_journal_key"),
        sa.PrimaryKeyConstraint("key", "source", "seq", name="pk_journal"),
        sa.UniqueConstraint("key", "position", name="uq_journal_key_position"),
    )
    op.create_table(
        "occurrences",
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["incidents.key"], name="fk_occurrences_key"),
        sa.PrimaryKeyConstraint("occurrence", "key", name="pk_occurrences"),
    )
