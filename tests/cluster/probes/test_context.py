"""Flags and maintenance on the real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab
from tests.cluster.probes.setting import look, put

CHAOS = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}


def flag(default: str, state: str = "ENABLED", **more: Any) -> str:
    variants = {"on": True, "off": False}
    new = {"state": state, "variants": variants, "defaultVariant": default, **more}
    return json.dumps({"flags": {"new-checkout": new}})


@pytest.mark.parametrize(
    ("text", "verdict", "on"),
    [
        (flag("on"), Verdict.HELD, True),
        (flag("off"), Verdict.FAILED, False),
        (flag("on", "DISABLED"), Verdict.FAILED, False),
        (json.dumps({"flags": {}}), Verdict.INCONCLUSIVE, False),
    ],
)
async def test_a_flag_is_read_as_flagd_reads_it(lab: Lab, text: str, verdict: Verdict, on: bool) -> None:
    """By state and default variant; one that the file does not have is inconclusive."""
    await put(lab, "v1", "ConfigMap", data={"flags.json": text})
    seen = await look(lab, "feature_flag", config_map="shop", flag="new-checkout")
    assert (seen.verdict, seen.facts["on"]) == (verdict, on)


async def test_a_file_that_is_none_is_named(lab: Lab) -> None:
    await put(lab, "v1", "ConfigMap", data={"flags.json": "[]", "flags.yaml": "flags: {}"})
    with pytest.raises(InvalidArgument, match="no flag file of flagd"):
        await look(lab, "feature_flag", config_map="shop", flag="x")
    with pytest.raises(InvalidArgument, match=r"has no file 'other\.json'"):
        await look(lab, "feature_flag", config_map="shop", key="other.json", flag="x")


async def test_targeting_is_told_and_variants_are_compared(lab: Lab) -> None:
    text = flag("off", targeting={"if": [True, "on"]})
    await put(lab, "v1", "ConfigMap", data={"flags.json": text})
    seen = await look(lab, "feature_flag", config_map="shop", flag="new-checkout", variant="off")
    assert (seen.verdict, seen.facts["targeted"]) == (Verdict.HELD, True)
    assert "may decide otherwise" in seen.detail


async def test_maintenance_by_annotation(lab: Lab) -> None:
    """Nobody works on it; then somebody does, and says so on the workload."""
    await lab.workload("shop", "v1", annotations={"mainstay.dev/maintenance": "none"})
    assert (await look(lab, "maintenance")).verdict is Verdict.FAILED
    await lab.workload("shop", "v1", annotations={"mainstay.dev/maintenance": "bob: index rebuild"})
    seen = await look(lab, "maintenance")
    assert (seen.verdict, seen.facts["kind"]) == (Verdict.HELD, "annotation")
    assert seen.facts["what"] == "workload: bob: index rebuild"
