"""What operators deploy: Compose file, alert rules, dashboard."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from devstack.binaries import ensure
from devstack.temporal import SEARCH_ATTRIBUTES
from mainstay.config.settings import Settings
from mainstay.domain import names
from mainstay.telemetry import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name.startswith("mainstay-")}
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_every_service_has_an_image_and_waits_for_services_that_exist() -> None:
    for name, service in SERVICES.items():
        assert service.get("image"), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name


def test_every_command_of_ours_exists_and_takes_its_arguments() -> None:
    """Each command's script is declared and can be imported, and the arguments are known to it."""
    code = ["import contextlib, sys"]
    for service in OURS.values():
        command, *arguments = service["command"]
        module, _, function = SCRIPTS[command].partition(":")
        code.append(f"import {module} as m; assert callable(m.{function})")
        if arguments:
            code.append(f"sys.argv[1:] = {[*arguments, '--help']!r}")
            code.append(f"with contextlib.suppress(SystemExit): m.{function}(); raise RuntimeError")
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("--queue") >= 3
    assert "error" not in ran.stderr


def test_the_workers_serve_every_queue_in_processes_of_their_own() -> None:
    served = [service["command"][-1] for name, service in OURS.items() if "worker" in name]
    assert sorted(served) == sorted((names.INCIDENT_QUEUE, names.CLUSTER_QUEUE, names.BULK_QUEUE))


def test_every_variable_of_ours_is_a_setting() -> None:
    known = {f"MAINSTAY_{field.upper()}" for field in Settings.model_fields}
    for service in OURS.values():
        assert set(service["environment"]) <= known
    image = set(re.findall(r"MAINSTAY_\w+(?==)", (DEPLOY / "Dockerfile").read_text()))
    assert image <= known


def test_no_secret_stands_in_the_files_and_only_loopback_is_published() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PWD|SECRET|TOKEN", key):
                assert str(value).startswith("${"), (name, key)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    url = OURS["mainstay-server"]["environment"]["MAINSTAY_DATABASE_URL"]
    assert "${MAINSTAY_DB_PASSWORD:?" in url
    example = (DEPLOY / "compose.env.example").read_text()
    assert re.findall(r"^\w+PASSWORD=(.*)$", example, re.MULTILINE) == ["", "", ""]


def test_every_variable_that_must_be_set_is_in_the_example() -> None:
    must = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    example = (DEPLOY / "compose.env.example").read_text()
    assert all(f"{name}=" in example for name in must)


def test_every_mounted_file_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), volume
    for script in ("postgres-init.sh", "temporal/schema.sh", "temporal/namespace.sh"):
        assert (DEPLOY / script).stat().st_mode & 0o111
        subprocess.run(["/bin/sh", "-n", str(DEPLOY / script)], check=True, timeout=10)


def test_the_namespace_gets_the_search_attributes_that_are_written() -> None:
    script = (DEPLOY / "temporal" / "namespace.sh").read_text()
    keywords = re.search(r"for name in ([\w ]+); do", script)
    assert keywords is not None
    assert tuple(keywords[1].split()) == names.KEYWORDS
    assert all(f"--name {name} --type Bool" in script for name in names.BOOLS)
    assert set(SEARCH_ATTRIBUTES) == {*names.KEYWORDS, *names.BOOLS}


def test_terminate_and_reset_are_off_in_the_web_ui() -> None:
    """They run no code, so nothing would be undone (architecture section 6, rule 8)."""
    ui = SERVICES["temporal-ui"]["environment"]
    assert ui["TEMPORAL_WORKFLOW_TERMINATE_DISABLED"] == "true"
    assert ui["TEMPORAL_WORKFLOW_RESET_DISABLED"] == "true"


# ---- rules and dashboard ------------------------------------------------------------------------


def our_metrics() -> set[str]:
    """Names as they are scraped."""
    found: set[str] = set()
    for family in Metrics().registry.collect():
        match family.type:
            case "counter":
                found.add(f"{family.name}_total")
            case "histogram":
                found |= {f"{family.name}{end}" for end in ("_bucket", "_sum", "_count")}
            case _:
                found.add(family.name)
    return found


def expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return [*found, *(target["expr"] for panel in board["panels"] for target in panel["targets"])]


def test_rules_and_dashboard_ask_for_figures_that_exist() -> None:
    asked = {name for expr in expressions() for name in re.findall(r"\bmainstay_\w+", expr)}
    assert asked <= our_metrics(), asked - our_metrics()


def test_the_rules_are_valid_and_the_wrong_token_alert_fires(tmp_path: Path) -> None:
    """promtool checks the rules, and plays six wrong tokens in ten minutes."""
    promtool = str(ensure(["promtool"])["promtool"])
    rules = DEPLOY / "prometheus-rules.yaml"
    subprocess.run([promtool, "check", "rules", str(rules)], check=True, timeout=30, capture_output=True)
    played = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'mainstay_wrong_tokens_total{door="alertmanager"}', "values": "0+1x15"},
                    {"series": 'mainstay_wrong_tokens_total{door="login"}', "values": "0 1+0x14"},
                    {"series": 'up{job="mainstay"}', "values": "1x15"},
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "10m",
                        "alertname": "MainstayWrongTokens",
                        "exp_alerts": [{"exp_labels": {"severity": "warning", "door": "alertmanager"}}],
                    }
                ],
            }
        ],
    }
    rule = yaml.safe_load(rules.read_text())["groups"][0]["rules"][1]
    summary = rule["annotations"]["summary"].replace("{{ $labels.door }}", "alertmanager")
    description = rule["annotations"]["description"].replace("{{ $value | humanize }}", "10")
    played["tests"][0]["alert_rule_test"][0]["exp_alerts"][0]["exp_annotations"] = {  # type: ignore[index]
        "summary": summary,
        "description": description,
    }
    case = tmp_path / "case.yaml"
    case.write_text(yaml.safe_dump(played))
    ran = subprocess.run(
        [promtool, "test", "rules", str(case)], timeout=30, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_dashboard_has_a_title_and_a_place_for_every_panel() -> None:
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 8
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert panel["title"]
        assert place["x"] + place["w"] <= 24
