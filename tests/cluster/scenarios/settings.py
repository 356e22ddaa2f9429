"""Actions on what an application reads."""

from __future__ import annotations

import json
from typing import Any

from devstack.processes import eventually
from mainstay.domain.catalogue.spec import Verb
from tests.cluster.lab import Lab
from tests.cluster.scenarios.scenario import NAME, Scenario

GROUP = "shop.example"
CUSTOM = f"routes.v1.{GROUP}"
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
FLAGS = {"flags": {"recommendations": FLAG}}
DATA = {
    "flags.json": json.dumps(FLAGS),
    "limit": "100",
    "breaker": "closed",
    "mode": "full",
    "read-from": "db-1.example",
}


async def config_map(lab: Lab) -> None:
    await lab.apply_manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": dict(DATA)})


async def service(lab: Lab) -> None:
    metadata = {"name": NAME, "annotations": {"shop.example/breaker": "closed"}}
    spec = {"selector": {"app": NAME}, "ports": [{"port": 80}]}
    await lab.apply_manifest({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


async def route(lab: Lab) -> None:
    """A custom resource; its definition is the cluster's, so it is there once for all tests."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": free}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"routes.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "routes", "kind": "Route"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    await lab.cluster.apply(json.dumps(definition))

    async def there() -> bool:
        try:
            await lab.apply_manifest(
                {
                    "apiVersion": f"{GROUP}/v1",
                    "kind": "Route",
                    "metadata": {"name": NAME},
                    "spec": {"weights": {"blue": 100, "green": 0}, "hosts": ["a.example"]},
                }
            )
        except Exception:
            return False  # The definition is served a moment after it is accepted.
        return True

    await eventually(there, 20, "the custom resource being served")


def datum(key: str) -> Any:
    return lambda live: live["data"].get(key)


def annotation(key: str) -> Any:
    return lambda live: (live["metadata"].get("annotations") or {}).get(key)


def default_variant(live: dict[str, Any]) -> Any:
    return json.loads(live["data"]["flags.json"])["flags"]["recommendations"]["defaultVariant"]


def setting(action: str, key: str, after: str, **parameters: Any) -> Scenario:
    return Scenario(
        action,
        config_map,
        datum(key),
        DATA[key],
        after,
        {"data": {key: "other"}},
        kind="ConfigMap",
        parameters={"key": key, "expected": DATA[key], **parameters},
    )


SCENARIOS = (
    Scenario(
        "feature_flag",
        config_map,
        default_variant,
        "on",
        "off",
        {"data": {"flags.json": json.dumps({"flags": {"recommendations": {**FLAG, "state": "DISABLED"}}})}},
        kind="ConfigMap",
        parameters={"flag": "recommendations", "variant": "off"},
    ),
    setting("rate_limit", "limit", "20", limit=20),
    Scenario(
        "circuit_breaker",
        service,
        annotation("shop.example/breaker"),
        "closed",
        "tripped",
        {"metadata": {"annotations": {"shop.example/breaker": "half"}}},
        kind="Service",
        parameters={"key": "shop.example/breaker", "state": "open", "words": {"open": "tripped"}},
    ),
    setting("degrade", "mode", "read-only", mode="read-only"),
    setting("replica_switch", "read-from", "db-2.example:5432", endpoint="db-2.example:5432"),
    Scenario(
        "label",
        config_map,
        lambda live: (live["metadata"].get("labels") or {}).get("shop.example/tier"),
        None,
        "degraded",
        {"metadata": {"labels": {"shop.example/tier": "gold"}}},
        kind="ConfigMap",
        parameters={"labels": {"shop.example/tier": "degraded"}},
    ),
    Scenario(
        "annotate",
        config_map,
        annotation("shop.example/note"),
        None,
        "seen",
        {"metadata": {"annotations": {"shop.example/note": "other"}}},
        kind="ConfigMap",
        parameters={"annotations": {"shop.example/note": "seen"}},
    ),
    Scenario(
        "custom_patch",
        route,
        lambda live: live["spec"],
        {"weights": {"blue": 100, "green": 0}, "hosts": ["a.example"]},
        {"weights": {"blue": 0, "green": 100}, "hosts": ["a.example"]},
        {"spec": {"weights": {"blue": 50}}},
        kind=CUSTOM,
        parameters={"spec": {"weights": {"blue": 0, "green": 100}}},
        rights=(Verb(GROUP, "routes", ("get", "patch")),),
    ),
)
