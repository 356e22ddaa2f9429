"""The catalogue: parameters are checked before and after templates are filled in."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from mainstay.domain import condition
from mainstay.domain.catalogue import ACTIONS, CHANNELS, PROBES, check_parameters, parse_parameters
from mainstay.domain.catalogue.autoscaling import Scale
from mainstay.domain.catalogue.probes import Http, Prometheus
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.runbook.cases import EMPTY_FACTS
from mainstay.domain.verdict import Criterion

TARGET: dict[str, JsonValue] = {"namespace": "shop", "name": "checkout"}


@pytest.mark.parametrize(
    ("name", "parameters", "rendered", "wanted"),
    [
        ("rollout_undo", {"target": TARGET}, True, []),
        ("rollout_undo", {"target": "{{ inputs.workload }}", "to": "{{ x }}"}, False, []),
        ("rollout_undo", {"target": "{{ inputs.workload }}"}, True, ["target"]),
        ("rollout_undo", {"target": TARGET, "to": "revision"}, True, [""]),
        ("rollout_undo", {"target": TARGET, "revision": 3}, True, [""]),
        ("rollout_undo", {"target": TARGET, "to": "revision", "revision": 0}, True, ["revision"]),
        ("rollout_undo", {"target": TARGET, "to": "sideways"}, False, ["to"]),
        ("rollout_restart", {}, False, ["target"]),
        ("rollout_restart", {"target": {"name": "x"}}, False, ["target.namespace"]),
        ("rollout_restart", {"target": {"namespace": "{{ n }}"}}, False, ["target.name"]),
        ("scale", {"target": TARGET, "replicas": "{{ inputs.n }}"}, False, []),
        ("scale", {"target": TARGET, "replicas": None}, True, ["replicas"]),
        ("scale", {"target": TARGET, "replicas": 2.5}, True, ["replicas"]),
        ("scale", {"target": {**TARGET, "kind": "DaemonSet"}, "replicas": 1}, True, ["target.kind"]),
        ("service_switch", {"target": TARGET, "selector": {"a": "{{ x }}"}}, False, []),
        ("service_switch", {"target": TARGET, "selector": {}}, False, ["selector"]),
        ("service_switch", {"target": TARGET, "selector": {"a": "no spaces"}}, True, ["selector.a"]),
        ("service_switch", {"target": TARGET, "selector": {"a": "b"}, "x": 1}, False, ["x"]),
    ],
)
def test_action_parameters(name: str, parameters: dict[str, JsonValue], rendered: bool, wanted: list[str]) -> None:
    """A template may stand for any value until it is filled in; names and shape are checked at once."""
    faults = check_parameters(ACTIONS[name], parameters, rendered=rendered)
    assert [".".join(map(str, fault.path)) for fault in faults] == wanted


def test_criteria_are_written_as_people_say_them() -> None:
    """Operator and number; a template in it is judged once it is filled in."""
    given: dict[str, JsonValue] = {"query": "up", "criterion": ">=0.5"}
    assert parse_parameters(Prometheus, given).criterion == Criterion(op=">=", value=0.5)
    given["criterion"] = {"op": "<", "value": 1, "at_least_samples": 3}
    assert parse_parameters(Prometheus, given).criterion.at_least_samples == 3
    given["criterion"] = "<= {{ inputs.limit }}"
    assert check_parameters(PROBES["prometheus"], given, rendered=False) == ()
    assert "is no criterion" in check_parameters(PROBES["prometheus"], given, rendered=True)[0].message


def test_a_wrong_parameter_is_refused_by_name() -> None:
    """For activities: the first wrong one."""
    with pytest.raises(InvalidArgument, match="parameter 'replicas' is required") as refused:
        parse_parameters(Scale, {"target": TARGET})
    assert refused.value.field == "replicas"
    with pytest.raises(InvalidArgument, match="url"):
        parse_parameters(Http, {"url": "file:///etc/passwd"})


def test_every_entry_is_complete() -> None:
    """Names agree, rights are named, and every fact has a type that conditions know."""
    for name, action in ACTIONS.items():
        assert (action.name, bool(action.title), bool(action.writes)) == (name, True, True)
        assert "target" in action.parameters.model_fields
    for name, probe in PROBES.items():
        assert (probe.name, bool(probe.title), bool(probe.held), bool(probe.failed)) == (name, *[True] * 3)
        assert all(kind in EMPTY_FACTS for kind in probe.facts.values())
        assert not set(probe.facts) & set(condition.SCOPE)
    for name, channel in CHANNELS.items():
        assert channel.name == name
        assert set(channel.secrets) <= set(channel.settings.model_fields)


def test_secrets_are_references() -> None:
    """A password in the configuration is refused; a reference is taken."""
    smtp = CHANNELS["smtp"].settings
    with pytest.raises(InvalidArgument, match="password"):
        parse_parameters(smtp, {"host": "mail", "sender": "a@example.com", "password": "hunter2"})
    assert parse_parameters(smtp, {"host": "mail", "sender": "a@example.com", "password": "env:PW"})
