"""``mainstay probe``."""

from __future__ import annotations

from mainstay.cli.arguments import group

app = group("probe", "What runbooks can look at.")


@app.command(name="list")
def list_() -> None:
    """Every kind of look: its parameters, and the facts that it finds."""
    from mainstay.cli.catalogues import show_probes
    from mainstay.domain.catalogue import PROBES

    show_probes(PROBES.values())
