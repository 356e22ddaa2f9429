"""What Alembic runs for every command: on the connection that it is handed, in that one's transaction."""

from __future__ import annotations

from alembic import context

from mainstay.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both databases can undo DDL; without this, Alembic would commit each step on SQLite by itself.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
