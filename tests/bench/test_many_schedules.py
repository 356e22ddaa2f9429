"""5,000 people in 500 schedules: loaded and linted within ten seconds."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from mainstay.config import check
from tests.config.conftest import SHOP

PEOPLE, SCHEDULES = 5000, 500


def test_many_schedules_load_and_lint(tmp_path: Path) -> None:
    """The whole folder is read and checked, four weeks of each schedule included, within ten seconds."""
    folder = Path(shutil.copytree(SHOP, tmp_path / "shop"))
    with (folder / "people.yaml").open("a") as people:
        for n in range(PEOPLE):
            contact = f"{{email: {{channel: email, address: p{n}@shop.example}}}}"
            people.write(f"  p{n}: {{name: P {n}, time_zone: Europe/Berlin, contacts: {contact}}}\n")
    each = PEOPLE // SCHEDULES
    for n in range(SCHEDULES):
        names = ", ".join(f"p{n * each + k}" for k in range(each))
        layer = f"{{name: daily, people: [{names}], start: 2026-01-05T10:00:00+01:00, turn: 1d}}"
        (folder / "schedules" / f"s{n}.yaml").write_text(f"name: s{n}\ntime_zone: Europe/Berlin\nlayers: [{layer}]\n")
    began = time.process_time()
    config, problems = check(folder)
    seconds = time.process_time() - began
    print(json.dumps({"people": PEOPLE, "schedules": SCHEDULES, "cpu_seconds": round(seconds, 2)}))
    assert config is not None
    assert len([problem for problem in problems if "on call for up to" in problem.message]) >= SCHEDULES
    assert seconds < 10
