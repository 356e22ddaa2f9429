"""Actions that write fields: what each of them refuses, keeps and puts back, on the real API server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.cluster.actions import ClusterActions
from mainstay.domain.change import Change, Risk
from mainstay.domain.freeze import Freeze
from tests.cluster.lab import AT, Lab, NoHalt
from tests.cluster.scenarios.scenario import NAME
from tests.cluster.scenarios.settings import config_map
from tests.cluster.scenarios.traffic import WEIGHT, canary

TARGET = {"target": {"name": NAME}}
MAP = {"target": {"kind": "ConfigMap", "name": NAME}}
GRACE = "/spec/template/spec/terminationGracePeriodSeconds"


def containers(live: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live["spec"]["template"]["spec"]["containers"]
    return found


def environment(live: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in containers(live)[0].get("env") or ()}


def with_env(**variables: str) -> dict[str, Any]:
    return {"env": [{"name": name, "value": text} for name, text in variables.items()]}


def remove(path: str) -> dict[str, str]:
    return {"op": "remove", "path": path}


async def there_and_back(lab: Lab, change: Change) -> list[dict[str, Any]]:
    """The workload after the change and after its undo, each fully rolled out."""
    seen = []
    for undo in (False, True):
        assert (await lab.apply(change, undo=undo)).outcome == "changed"
        await lab.cluster.wait_rollout(lab.namespace, NAME)
        seen.append(await lab.live(NAME))
    return seen


async def refusal(lab: Lab, action: str, parameters: dict[str, Any], **more: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as refused:
        await lab.plan(action, parameters, **more)
    assert refused.value.non_retryable
    return refused.value


@pytest.mark.capability("S-204")
@pytest.mark.parametrize("former", ["", "false"])
async def test_the_fallback_processor_is_switched_on_and_back(lab: Lab, former: str) -> None:
    """Given gateway down, then the deployment's container env has USE_FALLBACK_PROCESSOR=true and a rollout
    completes; undo restores the former value, or its absence."""
    await lab.workload(NAME, "v1", container=with_env(USE_FALLBACK_PROCESSOR=former) if former else {})
    change = await lab.plan("set_env", {**TARGET, "env": {"USE_FALLBACK_PROCESSOR": "true"}})
    on, off = await there_and_back(lab, change)
    assert environment(on) == {"USE_FALLBACK_PROCESSOR": "true"}
    assert environment(off) == ({"USE_FALLBACK_PROCESSOR": former} if former else {})


@pytest.mark.capability("S-233")
async def test_reads_go_to_the_replicas_and_back(lab: Lab) -> None:
    """Given env READ_FROM_REPLICA toggled, then rollout completes and the former value is kept for undo."""
    await lab.workload(NAME, "v1", container=with_env(READ_FROM_REPLICA="false", POOL="20"))
    change = await lab.plan("set_env", {**TARGET, "env": {"READ_FROM_REPLICA": "true"}})
    on, off = await there_and_back(lab, change)
    assert environment(on) == {"READ_FROM_REPLICA": "true", "POOL": "20"}
    assert environment(off) == {"READ_FROM_REPLICA": "false", "POOL": "20"}


@pytest.mark.capability("S-224")
async def test_a_flag_is_switched_off_and_its_former_value_kept(lab: Lab) -> None:
    """Given flag `new-checkout`=on, then after the action it is off, the previous value is stored, and `undo`
    puts it back; other flags of the file stay as they are."""

    def flag(default: str) -> dict[str, Any]:
        return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": default}

    text = json.dumps({"flags": {"new-checkout": flag("on"), "wishlist": flag("on")}})
    await lab.apply_manifest(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"flags.json": text}}
    )
    change = await lab.plan("feature_flag", {**MAP, "flag": "new-checkout", "variant": "off"})
    assert text in json.dumps(change.former).replace('\\"', '"')
    await lab.apply(change)
    flags = json.loads((await lab.live(NAME, "ConfigMap"))["data"]["flags.json"])["flags"]
    assert {name: entry["defaultVariant"] for name, entry in flags.items()} == {"new-checkout": "off", "wishlist": "on"}
    await lab.apply(change, undo=True)
    assert (await lab.live(NAME, "ConfigMap"))["data"]["flags.json"] == text


@pytest.mark.capability("S-227")
async def test_a_rate_limit_is_set_and_the_former_one_kept(lab: Lab) -> None:
    """Given limit=100rps, then the configured ConfigMap holds it and the action records the former value."""
    await config_map(lab)
    await lab.merge(NAME, {"data": {"limit": "500"}}, "ConfigMap")
    change = await lab.plan("rate_limit", {**MAP, "key": "limit", "limit": 100})
    await lab.apply(change)
    assert (await lab.live(NAME, "ConfigMap"))["data"]["limit"] == "100"
    assert isinstance(change.former, dict)
    assert change.former["fields"] == {"/data/limit": "500"}


@pytest.mark.capability("S-244")
async def test_what_the_servers_dry_run_refuses_is_never_sent(lab: Lab) -> None:
    """Given that every change requires a dry run, then a server-side dry-run of the patch succeeds before the
    real call, else the step stops: a request above its limit is refused in the plan, with the server's cause."""
    await lab.workload(NAME, "v1", container={"resources": {"limits": {"memory": "512Mi"}}})
    before = len(lab.writes(NAME))
    refused = await refusal(lab, "set_resources", {**TARGET, "requests": {"memory": "1Gi"}})
    assert refused.type == "InvalidArgument"
    assert "must be less than or equal to memory limit" in refused.message
    assert len(lab.writes(NAME)) == before


async def test_a_weight_is_a_share_of_the_ingress_own_total(lab: Lab) -> None:
    """25 percent of a total of 1000 is 250."""
    await canary(lab)
    total = {"nginx.ingress.kubernetes.io/canary-weight-total": "1000"}
    await lab.merge(NAME, {"metadata": {"annotations": total}}, "Ingress")
    await lab.apply(await lab.plan("ingress_canary", {"target": {"name": NAME}, "weight": 25}))
    assert (await lab.live(NAME, "Ingress"))["metadata"]["annotations"][WEIGHT] == "250"


async def test_an_image_belongs_to_the_container_of_its_name(lab: Lab) -> None:
    """Somebody puts another container first after the plan: nothing is written to the wrong one,
    although both have the same image."""
    await lab.workload(NAME, "v1", containers=[{"name": "proxy", "image": "registry.example/shop:v1"}])
    change = await lab.plan("set_image", {**TARGET, "images": {"proxy": "registry.example/shop:v2"}})
    order = [{"name": "proxy"}, {"name": "app"}]
    patch = {"spec": {"template": {"spec": {"$setElementOrder/containers": order, "containers": order}}}}
    await lab.merge(NAME, patch)
    assert [c["name"] for c in containers(await lab.live(NAME))] == ["proxy", "app"]
    assert (await lab.apply(change)).outcome == "drifted"
    change = await lab.plan("set_image", {**TARGET, "images": {"proxy": "registry.example/shop:v2"}})
    await lab.apply(change)
    assert {c["name"]: c["image"].rpartition(":")[2] for c in containers(await lab.live(NAME))} == {
        "proxy": "v2",
        "app": "v1",
    }


async def test_the_scaling_of_others_meanwhile_does_not_matter(lab: Lab) -> None:
    """An autoscaler scales between plan and change: other fields than those written do not void it."""
    await lab.workload(NAME, "v1")
    change = await lab.plan("set_image", {**TARGET, "images": {"app": "registry.example/shop:v2"}})
    await lab.merge(NAME, {"spec": {"replicas": 3}})
    assert (await lab.apply(change)).outcome == "changed"
    assert (await lab.live(NAME))["spec"]["replicas"] == 3


async def test_a_quantity_in_another_spelling_is_already_there(lab: Lab) -> None:
    """1000m is 1: nothing is written, nothing restarts."""
    await lab.workload(NAME, "v1", container={"resources": {"limits": {"cpu": "1"}}})
    assert (await lab.plan("set_resources", {**TARGET, "limits": {"cpu": "1000m"}})).already


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("set_image", {"images": {"app": "registry.example/shop:v2"}}),
        ("set_env", {"env": {"MODE": "lean"}}),
        ("set_resources", {"limits": {"cpu": "2"}}),
        ("json_patch", {"allow": [GRACE], "patch": [{"op": "replace", "path": GRACE, "value": 5}]}),
    ],
)
async def test_a_template_is_not_changed_while_paused(lab: Lab, action: str, parameters: dict[str, Any]) -> None:
    """kubectl changes it and nothing happens; a mitigation that does nothing is refused."""
    await lab.workload(NAME, "v1", spec={"paused": True})
    refused = await refusal(lab, action, {**TARGET, **parameters})
    assert (refused.type, "is paused" in refused.message) == ("WrongState", True)


@pytest.mark.parametrize(
    ("action", "parameters", "told"),
    [
        ("set_image", {**TARGET, "images": {"nobody": "a:b"}}, "no container 'nobody'; it has app"),
        ("set_image", {**TARGET, "images": {"app": "a b; rm -rf"}}, "images.app"),
        ("set_env", {**TARGET, "env": {"A=B": "x"}}, "env.A=B"),
        ("set_resources", {**TARGET, "limits": {"memory": "-1Gi"}}, "limits.memory"),
        ("set_resources", TARGET, "give 'requests' or 'limits'"),
        ("json_patch", {**TARGET, "allow": [GRACE], "patch": [{"op": "add", "path": "/spec/replicas"}]}, "not among"),
        (
            "json_patch",
            {**TARGET, "allow": ["/metadata"], "patch": [remove("/spec/paused")]},
            "allow",
        ),
        (
            "json_patch",
            {
                **TARGET,
                "allow": ["/spec/template"],
                "patch": [{"op": "remove", "path": "/spec/template/spec/nodeName"}],
            },
            "has no /spec/template/spec/nodeName to remove",
        ),
        (
            "json_patch",
            {
                **TARGET,
                "allow": ["/spec/template"],
                "patch": [{"op": "add", "path": "/spec/template/spec/containers/1", "value": {}}],
            },
            "an entry of a list can only be replaced",
        ),
        ("rate_limit", {**MAP, "key": "limt", "limit": 5}, "has no key 'limt' to set"),
        ("rate_limit", {**MAP, "key": "limit", "limit": 5, "expected": "7"}, "is not '7' as the runbook expects"),
        (
            "degrade",
            {"target": {"name": NAME, "kind": "Service"}, "key": "mainstay.dev/run", "mode": "x"},
            "reserved",
        ),
        ("label", {**MAP, "labels": {"app.kubernetes.io/name": "x"}}, "reserved"),
        ("label", {**MAP, "labels": {"tier": "a b"}}, "labels.tier"),
        ("annotate", {**MAP, "annotations": {"kubectl.kubernetes.io/restartedAt": "x"}}, "reserved"),
        ("feature_flag", {**MAP, "flag": "nope", "state": "DISABLED"}, "no flag 'nope'; it has recommendations"),
        ("feature_flag", {**MAP, "flag": "recommendations", "variant": "x"}, "no variant 'x'; it has off, on"),
        ("feature_flag", {**MAP, "flag": "a", "key": "mode", "variant": "x"}, "mode of configmap/shop"),
        ("custom_patch", {"target": {"kind": "Secret", "name": NAME}, "spec": {"a": 1}}, "target.kind"),
        ("custom_patch", {"target": {"kind": "a/../b.v1.x", "name": NAME}, "spec": {"a": 1}}, "target.kind"),
    ],
)
async def test_wrong_wishes_are_refused_by_name(lab: Lab, action: str, parameters: dict[str, Any], told: str) -> None:
    """Each refusal says which parameter, or what there is instead; nothing is written."""
    await lab.workload(NAME, "v1")
    await config_map(lab)
    before = len(lab.writes(NAME))
    assert told in (await refusal(lab, action, parameters)).message
    assert len(lab.writes(NAME)) == before


@pytest.mark.parametrize("part", ["allow", "path"])
async def test_an_alert_cannot_say_what_is_patched(lab: Lab, part: str) -> None:
    """A path that comes out of a template is refused, even one that the rendered allow list holds."""
    await lab.workload(NAME, "v1")
    path, allow = ("{{ inputs.path }}", GRACE) if part == "path" else (GRACE, "{{ inputs.path }}")
    parameters = {**TARGET, "allow": [allow], "patch": [{"op": "replace", "path": path, "value": 5}]}
    refused = await refusal(lab, "json_patch", parameters, values={"inputs": {"path": GRACE}})
    assert (refused.type, "not as a template" in refused.message) == ("InvalidArgument", True)


async def test_a_change_that_gitops_will_revert_says_so(lab: Lab) -> None:
    """Argo CD tracks the ConfigMap: who approves knows that its next sync takes the flag back."""
    await config_map(lab)
    tracking = {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:shop/shop"}
    await lab.merge(NAME, {"metadata": {"annotations": tracking}}, "ConfigMap")
    change = await lab.plan("feature_flag", {**MAP, "flag": "recommendations", "variant": "off"})
    assert any("managed by Argo CD" in warning for warning in change.warnings)


async def test_a_freeze_raises_the_risk_of_a_plan(lab: Lab) -> None:
    """The plan on the live object comes back with the higher risk; switching the flag off does not."""
    await config_map(lab)
    freeze = Freeze(start=AT, end=AT + timedelta(hours=1), reason="trade")
    lab.actions = ClusterActions(lab.clusters, NoHalt(), freezes=lambda: {"default": (freeze,)})
    change = await lab.plan("feature_flag", {**MAP, "flag": "recommendations", "variant": "off"})
    assert (change.risk, "freeze until" in change.warnings[-1]) == (Risk.MEDIUM, True)
    change = await lab.plan("feature_flag", {**MAP, "flag": "recommendations", "state": "DISABLED"})
    assert (change.risk, change.warnings) == (Risk.LOW, ())
