"""``mainstay probe``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli.arguments import group

app = group("probe", "What runbooks can look at.")


@app.command(name="list")
def list_() -> None:
    """Every kind of look: its parameters, and the facts that it finds."""
    from mainstay.cli.catalogues import show_probes
    from mainstay.domain.catalogue import PROBES

    show_probes(PROBES.values())


@app.command
def show(name: Annotated[str, Parameter(help="Its name, such as pod_health.")], /) -> None:
    """One of them whole: what it needs, and the JSON Schema of its parameters."""
    from mainstay.cli.catalogues import find, show_probe
    from mainstay.domain.catalogue import PROBES

    show_probe(find(PROBES, name, "probe"))
