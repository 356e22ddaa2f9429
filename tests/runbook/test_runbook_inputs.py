"""Inputs: what was given is read as the declared type, or refused by name."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.runbook.inputs import bind, parse, resolve
from mainstay.domain.runbook.node import InputType
from mainstay.domain.service import Service, Workload
from tests.runbook.tree import builtin, tree

CHECKOUT = {"cluster": "default", "namespace": "shop", "kind": "Deployment", "name": "checkout"}


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("string", "x", "x"),
        ("query", "up == 0", "up == 0"),
        ("number", "0.01", 0.01),
        ("number", "6", 6),
        ("number", -2.5, -2.5),
        ("boolean", "True", True),
        ("boolean", False, False),
        ("duration", "1h30m", "1h30m"),
        ("workload", "shop/checkout", CHECKOUT),
        ("workload", {"namespace": "shop", "name": "checkout"}, CHECKOUT),
        ("labels", "a=b, c=d", {"a": "b", "c": "d"}),
        ("labels", {"a": "b"}, {"a": "b"}),
        ("url", "https://example.com/health", "https://example.com/health"),
    ],
)
def test_values_are_read_as_their_type(kind: InputType, given: JsonValue, wanted: JsonValue) -> None:
    """Text is enough for every type, since a service's entry holds text."""
    assert parse(kind, given) == wanted


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("string", ""),
        ("string", 5),
        ("number", "many"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", True),
        ("boolean", "yes"),
        ("boolean", 1),
        ("duration", "90"),
        ("duration", 90),
        ("workload", "checkout"),
        ("workload", "shop/"),
        ("workload", {"namespace": "shop"}),
        ("workload", {"namespace": "shop", "name": "x", "kind": "Node"}),
        ("labels", "a"),
        ("labels", {}),
        ("labels", {"a": 5}),
        ("url", "ftp://example.com"),
        ("url", "https://"),
        ("url", 5),
    ],
)
def test_other_values_are_refused(kind: InputType, given: JsonValue) -> None:
    """A value that may mean something else is refused, not guessed."""
    with pytest.raises(ValueError, match=r".+"):
        parse(kind, given)


def test_defaults_and_nulls() -> None:
    """Defaults fill in; what may be missing is null, never a made-up value."""
    resolved = resolve(builtin("mitigate-bad-deployment"), {"workload": "shop/checkout", "error_rate_query": "q"})
    assert (resolved["max_error_rate"], resolved["recent_window"]) == (0.01, "1h")
    assert (resolved["scale_to"], resolved["standby"]) == (None, None)


def test_a_wrong_input_is_named() -> None:
    """The refusal names runbook, input and reason."""
    with pytest.raises(InvalidArgument, match="input 'workload' of runbook tree: no workload: name") as refused:
        resolve(tree(), {"workload": {"namespace": "shop"}})
    assert refused.value.field == "inputs.workload"


def test_a_service_provides_the_inputs_of_its_runbooks() -> None:
    """By name from ``runbook_inputs``; the workload from the service; what is given by hand wins."""
    service = Service(
        name="checkout",
        team="shop",
        workload=Workload(namespace="shop", name="checkout"),
        runbook_inputs={"error_rate_query": "q", "standby": "track=b", "other_runbook": "x"},
    )
    bound = bind(builtin("mitigate-bad-deployment"), service, {"error_rate_query": "mine"})
    assert bound == {"error_rate_query": "mine", "standby": "track=b", "workload": CHECKOUT}
    assert resolve(builtin("mitigate-bad-deployment"), bound)["standby"] == {"track": "b"}
