"""Do the docs still say what the code does? ``python -m docs.check`` names every difference."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs import generate

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
TARGETS = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)


def main() -> int:
    faults = [*_generated(), *_links(), *_targets(), *_ledger()]
    for fault in faults:
        print(f"docs: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _generated() -> Iterator[str]:
    for path, text in generate.pages().items():
        if not path.exists() or path.read_text() != text:
            yield f"{path.relative_to(ROOT)} is not what the code says: run make docs"


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "devstack" / "README.md"]


def _links() -> Iterator[str]:
    """Every relative link leads to a file."""
    for page in _pages():
        for link in LINK.findall(page.read_text()):
            if not (page.parent / link).exists():
                yield f"{page.relative_to(ROOT)}: the link {link} leads nowhere"


def _targets() -> Iterator[str]:
    """Every word of the Makefile stands in the README."""
    readme = (ROOT / "README.md").read_text()
    for target in TARGETS.findall((ROOT / "Makefile").read_text()):
        if f"make {target}" not in readme:
            yield f"README.md does not say what make {target} does"


def _ledger() -> Iterator[str]:
    """A done row names a test file that exists."""
    with (ROOT / "docs" / "capabilities.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = row["test"].split("::")[0]
            if row["status"] == "done" and not (ROOT / path).is_file():
                yield f"capabilities.csv: {row['id']} names {path or 'no test'}, which does not exist"


if __name__ == "__main__":
    sys.exit(main())
