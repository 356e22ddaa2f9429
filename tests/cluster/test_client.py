"""The one way to change anything: its rights, its gate, its outages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.exceptions import ApplicationError

from activities.cluster.client import Clusters
from activities.cluster.paths import Place
from devstack.cluster import Cluster
from mainstay.domain.catalogue.actions import ACTIONS
from mainstay.domain.catalogue.probes import PROBES
from mainstay.domain.errors import Halted, Refusal
from tests.cluster.lab import Lab, NoHalt, image
from tests.cluster.scenarios import SCENARIOS

RBAC = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
SHOP = {"target": {"name": "shop"}}


async def grant(lab: Lab, account: str) -> Path:
    """The shipped Roles, in the test's namespace, and a kubeconfig of one of their accounts."""
    kubeconfig = await lab.cluster.service_account(lab.namespace, account)
    await lab.cluster.apply(RBAC.read_text().replace("namespace: shop", f"namespace: {lab.namespace}"))
    return kubeconfig


@pytest.mark.parametrize("action", [name for name in SCENARIOS if name != "custom_patch"])
async def test_the_shipped_roles_suffice(lab: Lab, action: str) -> None:
    """The mitigator's Role carries every action; custom resources are the operators' to grant."""
    scenario = SCENARIOS[action]
    opened = Lab(lab.cluster, lab.namespace, NoHalt(), await grant(lab, "mainstay-mitigator"))
    await scenario.make(lab)
    change = await opened.plan(action, scenario.arguments)
    assert (await opened.apply(change)).outcome == "changed"
    await opened.close()


async def test_a_missing_right_is_named(lab: Lab) -> None:
    """The reader may look; its attempt to change fails once, names verb and resource, and is not retried."""
    opened = Lab(lab.cluster, lab.namespace, NoHalt(), await grant(lab, "mainstay-reader"))
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2")
    with pytest.raises(ApplicationError, match=r"verb patch on deployments\.apps") as refused:
        await opened.plan("rollout_undo", SHOP)
    assert (refused.value.type, refused.value.non_retryable) == ("NotAllowed", True)
    await opened.close()


def test_the_roles_hold_the_catalogues_verbs_and_no_more() -> None:
    """Least privilege: what actions write and read, and what probes read."""
    catalogue = [verb for spec in ACTIONS.values() for verb in (*spec.writes, *spec.reads)]
    catalogue += [verb for spec in PROBES.values() for verb in spec.reads]
    wanted = {(v.group, v.resource, name) for v in catalogue for name in v.verbs if v.group != "{group}"}
    granted = {
        (group, resource, verb)
        for document in yaml.safe_load_all(RBAC.read_text())
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == wanted


async def test_a_stop_during_the_handshake_holds_the_request_back(lab: Lab) -> None:
    """The switch is asked again when the connection is ready: a stop after the first question is in time."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2")
    change = await lab.plan("rollout_undo", SHOP)
    halt = NoHalt()

    def stop_at_second(check: int) -> None:
        if check > 1:
            raise Halted("halted: test")

    halt.before_check = stop_at_second
    lab.actions = lab.with_halt(halt)
    before = len(lab.writes("shop"))
    with pytest.raises(ApplicationError) as refused:
        await lab.apply(change)
    assert (refused.value.type, refused.value.non_retryable) == ("Halted", True)
    assert (len(lab.writes("shop")), image(await lab.live("shop"))) == (before, "v2")


async def test_planning_goes_on_while_halted(lab: Lab) -> None:
    """A dry run changes nothing: people can prepare, and read what would be done."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2")
    halt = NoHalt()

    def stop(_: int) -> None:
        raise Halted("halted: test")

    halt.before_check = stop
    lab.actions = lab.with_halt(halt)
    assert (await lab.plan("rollout_undo", SHOP)).diff


async def test_no_change_gets_past_the_one_entry(lab: Lab) -> None:
    """A changing request that somebody sends by another way is refused before it leaves."""
    await lab.workload("shop", "v1")
    place = Place("default", "Deployment", lab.namespace, "shop")
    with pytest.raises(RuntimeError, match=r"Mutations\.patch"):
        await lab.clusters["default"].send("DELETE", place.path)
    assert image(await lab.live("shop")) == "v1"


async def test_a_cluster_that_does_not_answer_is_transient(tmp_path: Path) -> None:
    """Connection refused, and a kubeconfig that is not there: retried, with a text that says it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    kubeconfigs = {"dark": (str(tmp_path / "kubeconfig"), ""), "none": (str(tmp_path / "none"), "")}
    async with Clusters(kubeconfigs, NoHalt()) as clusters:
        lab = Lab.__new__(Lab)
        lab.namespace, lab.clusters = "shop", clusters
        for name in kubeconfigs:
            refused = await plan_on(clusters, name)
            assert (refused.type, refused.non_retryable) == ("Unavailable", False), name


async def plan_on(clusters: Clusters, name: str) -> ApplicationError:
    from activities.cluster.actions import ClusterActions
    from mainstay.domain.work import PlanRequest
    from tests.cluster.lab import AT

    target = {"cluster": name, "namespace": "shop", "name": "shop"}
    request = PlanRequest(action="rollout_restart", parameters={"target": target}, allowed_namespaces=("shop",), at=AT)
    with pytest.raises(ApplicationError) as refused:
        await ClusterActions(clusters, NoHalt()).plan_change(request)
    return refused.value


async def test_a_refused_token_is_renewed_once(lab: Lab, tmp_path: Path) -> None:
    """The kubeconfig is read anew after a 401; still refused it is permanent."""
    await lab.workload("shop", "v1")
    config = yaml.safe_load(lab.cluster.kubeconfig.read_text())
    good = config["users"][0]["user"]["token"]
    file = tmp_path / "kubeconfig"

    def write(token: str) -> None:
        config["users"][0]["user"]["token"] = token
        file.write_text(yaml.safe_dump(config))

    write("expired")
    opened = Lab(lab.cluster, lab.namespace, NoHalt(), file)
    with pytest.raises(ApplicationError) as refused:
        await opened.plan("rollout_restart", SHOP)
    assert (refused.value.type, refused.value.non_retryable) == ("Unauthenticated", True)
    write("expired")
    await opened.clusters["default"]._client()
    write(good)
    assert (await opened.plan("rollout_restart", SHOP)).diff
    await opened.close()


async def test_variables_that_look_secret_are_not_shown(lab: Lab) -> None:
    """The diff says that a password changes, not to what."""

    def env(value: str) -> dict[str, Any]:
        return {"env": [{"name": "DB_PASSWORD", "value": value}, {"name": "MODE", "value": value}]}

    await lab.workload("shop", "v1", container=env("hunter1"))
    await lab.workload("shop", "v2", container=env("hunter2"))
    diff = (await lab.plan("rollout_undo", SHOP)).diff
    assert "# the value of DB_PASSWORD changes (not shown)" in diff
    assert diff.count("hunter") == 2, "MODE before and after, DB_PASSWORD never"


def test_refusals_are_the_contracts(cluster: Cluster) -> None:
    """An unknown cluster is refused by name, before any request."""
    with pytest.raises(Refusal, match="knows no cluster 'mars'"):
        Clusters({"default": (str(cluster.kubeconfig), "")}, NoHalt())["mars"]
