"""Least privilege: each probe looks with exactly its documented verbs, and names a missing one."""

from __future__ import annotations

import itertools
import json
from typing import Any

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.client import Clusters
from activities.failures import classify
from devstack.processes import eventually
from mainstay.domain.catalogue import PROBES
from mainstay.domain.catalogue.spec import Verb
from mainstay.domain.errors import NotAllowed
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab, NoHalt, workload
from tests.cluster.probes.setting import has, look, put, until

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
ON_EACH_KIND = [{"target": {"name": "shop", "kind": kind}} for kind in KINDS]
SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "recent_rollout": ON_EACH_KIND,
    "rollout_status": ON_EACH_KIND,
    "rollout_history": ON_EACH_KIND,
    "pod_health": ON_EACH_KIND,
    "node_conditions": ON_EACH_KIND,
    "logs": [{**one, "pattern": "x"} for one in ON_EACH_KIND],
    "maintenance": ON_EACH_KIND,
    "exec": [{**one, "command": ["true"]} for one in ON_EACH_KIND],
    "events": [{}],
    "job_status": [{"kind": "Job", "name": "shop"}, {"kind": "CronJob", "name": "shop"}],
    "autoscaler_at_max": [{"target": {"name": "shop"}}],
    "disruption_budget": [{}],
    "quota": [{}],
    "endpoints_ready": [{"service": "shop"}],
    "feature_flag": [{"config_map": "shop", "flag": "x"}],
}
_accounts = itertools.count(1)


def test_every_probe_that_reads_a_cluster_has_a_scenario() -> None:
    assert set(SCENARIOS) == {name for name, spec in PROBES.items() if spec.reads}


async def furnish(lab: Lab) -> None:
    """A workload of each kind, with what the others look at."""
    for kind in KINDS:
        document = workload("shop", "v1", kind)
        labels = {"app": kind.lower()}
        document["spec"]["selector"] = {"matchLabels": labels}
        document["spec"]["template"]["metadata"]["labels"] = labels
        await lab.apply_manifest(document)
    pod = {"containers": [{"name": "app", "image": "registry.example/job:v1"}], "restartPolicy": "Never"}
    await put(lab, "batch/v1", "Job", spec={"template": {"spec": pod}})
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    await put(lab, "batch/v1", "CronJob", spec=cron)
    await put(lab, "v1", "Service", spec={"selector": {"app": "deployment"}, "ports": [{"port": 80}]})
    await put(lab, "v1", "ConfigMap", data={"flags.json": '{"flags": {}}'})
    for kind in KINDS:
        await until(lab, "pod_health", has(Verdict.HELD), target={"name": "shop", "kind": kind})


async def account(lab: Lab, verbs: tuple[tuple[Verb, str], ...]) -> Clusters:
    """The clusters as a service account sees them that may do exactly this."""
    name = f"probe-{next(_accounts)}"
    kubeconfig = await lab.cluster.service_account(lab.namespace, name)
    rules = [{"apiGroups": [v.group], "resources": [v.resource], "verbs": [verb]} for v, verb in verbs]
    cluster_wide = f"{lab.namespace}-{name}"
    for kind, scope, where, given in (
        ("Role", name, {"namespace": lab.namespace}, [r for r in rules if r["resources"] != ["nodes"]]),
        ("ClusterRole", cluster_wide, {}, [r for r in rules if r["resources"] == ["nodes"]]),
    ):
        api = "rbac.authorization.k8s.io/v1"
        role = {"apiVersion": api, "kind": kind, "metadata": {"name": scope, **where}, "rules": given}
        binding = {
            "apiVersion": api,
            "kind": f"{kind}Binding",
            "metadata": {"name": scope, **where},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": scope},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": lab.namespace}],
        }
        await lab.cluster.apply(json.dumps(role))
        await lab.cluster.apply(json.dumps(binding))
    return Clusters({"default": (str(kubeconfig), "")}, NoHalt())


async def refusals(lab: Lab, name: str, clusters: Clusters) -> list[str]:
    """What each look of the scenario was refused with."""
    found = []
    for parameters in SCENARIOS[name]:
        try:
            await look(lab, name, clusters=clusters, **parameters)
        except (ApiException, NotAllowed) as refused:
            failure = classify(refused, name)
            assert (failure.type, failure.non_retryable) == ("NotAllowed", True)
            found.append(failure.message)
    return found


SHOWN_ELSEWHERE = {"exec"}
"""kwok runs an exec on the test's own machine, so this cluster does not let it."""
LOOKS = sorted(SCENARIOS.keys() - SHOWN_ELSEWHERE)


def documented(name: str) -> tuple[tuple[Verb, str], ...]:
    """One entry a right."""
    return tuple((Verb(verb.group, verb.resource, ()), one) for verb in PROBES[name].reads for one in verb.verbs)


async def test_the_documented_verbs_suffice(lab: Lab) -> None:
    """A service account that has exactly a probe's verbs is refused nothing by any look of it."""
    await furnish(lab)

    async def suffices(name: str) -> None:
        clusters = await account(lab, documented(name))

        async def nothing_refused() -> bool:
            return not await refusals(lab, name, clusters)

        await eventually(nothing_refused, 20, f"{name} with its verbs")
        await clusters.close()

    for name in LOOKS:
        await suffices(name)


async def test_each_missing_verb_is_named(lab: Lab) -> None:
    """With one right taken away every probe that documents it is refused, and says which to grant."""
    await furnish(lab)
    rights = tuple(dict.fromkeys(right for name in LOOKS for right in documented(name)))

    async def is_missed(right: tuple[Verb, str]) -> None:
        clusters = await account(lab, tuple(one for one in rights if one != right))
        resource = ".".join(part for part in (right[0].resource, right[0].group) if part)
        text = f"verb {right[1]} on {resource}"
        for name in LOOKS:
            if right not in documented(name):
                continue

            async def named(name: str = name) -> bool:
                # RBAC reaches the authoriser in its own time: once the rest is granted, only this is missed
                found = await refusals(lab, name, clusters)
                return bool(found) and all(text in one for one in found)

            await eventually(named, 20, f"{name}: {text}")
        await clusters.close()

    for right in rights:
        await is_missed(right)
