"""Providers' callbacks find a delivery by the provider's own id."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_deliveries_provider_id", "deliveries", ["provider_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_deliveries_provider_id", "deliveries")
