"""What holds for every action of the catalogue, on the real API server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from devstack.processes import eventually
from mainstay.domain.catalogue import ACTIONS
from mainstay.domain.catalogue.spec import Verb
from tests.cluster.lab import Lab, NoHalt
from tests.cluster.scenarios import OWN_TESTS, SCENARIOS
from tests.cluster.scenarios.scenario import Scenario

ROOT = Path(__file__).parents[2]
ALL = [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()]
TOGGLES = ("rollout_pause", "rollout_resume", "cronjob_suspend", "cronjob_resume")
"""Of two values only: whoever changes the target brings it to where it was, or to where it shall be."""

NEVER_ALREADY = ("rollout_undo", "rollout_restart")
"""What was the former revision is the current one now, and a restart can always be wished for once more."""


def test_every_action_has_its_scenario() -> None:
    """An action that comes without one is none that these tests know to be safe."""
    assert set(SCENARIOS) | set(OWN_TESTS) == set(ACTIONS)
    assert not set(SCENARIOS) & set(OWN_TESTS)
    for action, module in OWN_TESTS.items():
        assert f'"{action}"' in (ROOT / module).read_text(), f"{module} does not mention {action}"


def test_scenarios_take_documented_verbs_only() -> None:
    """What a scenario grants is what docs and deploy/rbac.yaml name (the group of a custom resource is open)."""
    for scenario in SCENARIOS.values():
        spec = ACTIONS[scenario.action]
        documented = {(v.group, v.resource): set(v.verbs) for v in (*spec.writes, *spec.reads)}
        for right in scenario.needs:
            known = documented.get((right.group, right.resource)) or documented.get(("{group}", "{plural}"), set())
            assert set(right.verbs) <= known, scenario.action


@pytest.mark.parametrize("scenario", ALL)
async def test_it_is_shown_then_applied_once_and_taken_back(lab: Lab, scenario: Scenario) -> None:
    """A plan changes nothing and shows a diff; applied twice it is changed once; undo puts back what was."""
    await scenario.make(lab)
    change = await lab.plan(scenario.action, scenario.arguments)
    assert (await scenario.seen(lab), change.already) == (scenario.before, False)
    assert change.diff
    assert change.command.startswith("kubectl ")
    assert change.target.uid == (await scenario.live(lab))["metadata"]["uid"]
    name = await scenario.name(lab)
    written = len(lab.writes(name))
    assert [(await lab.apply(change)).outcome for _ in range(2)] == ["changed", "already"]
    assert await scenario.seen(lab) == scenario.after
    assert len(lab.writes(name)) == written + 1, "by the audit log it was written once"
    if scenario.action not in NEVER_ALREADY:
        assert (await lab.plan(scenario.action, _again(scenario))).already
    if change.undo == "none":
        with pytest.raises(ApplicationError, match="cannot be undone"):
            await lab.apply(change, undo=True)
        return
    assert [(await lab.apply(change, undo=True)).outcome for _ in range(2)] == ["changed", "already"]
    assert await scenario.seen(lab) == (scenario.before if scenario.undone is None else scenario.undone)
    assert len(lab.writes(name)) == written + 2


@pytest.mark.parametrize("scenario", [p for p in ALL if p.id not in TOGGLES])
async def test_changed_by_somebody_else_it_is_left_alone(lab: Lab, scenario: Scenario) -> None:
    """The fields that the plan was made on are others now: neither the change nor its undo is made."""
    await scenario.make(lab)
    change = await lab.plan(scenario.action, scenario.arguments)
    await meddle(lab, scenario)
    theirs = await scenario.seen(lab)
    assert (await lab.apply(change)).outcome == "drifted"
    if change.undo == "restore":
        assert (await lab.apply(change, undo=True)).outcome == "drifted"
    assert await scenario.seen(lab) == theirs


@pytest.mark.parametrize("scenario", ALL)
async def test_another_object_of_the_same_name_is_left_alone(lab: Lab, scenario: Scenario) -> None:
    """Deleted and created again since the plan: it is not the one that was approved."""
    await scenario.make(lab)
    change = await lab.plan(scenario.action, scenario.arguments)
    stranger = change.model_copy(update={"target": change.target.model_copy(update={"uid": "another"})})
    assert (await lab.apply(stranger)).outcome == "drifted"
    assert await scenario.seen(lab) == scenario.before


@pytest.mark.parametrize("scenario", ALL)
async def test_its_documented_verbs_suffice_and_each_is_needed(lab: Lab, scenario: Scenario) -> None:
    """An account with exactly these carries plan, change and undo; one verb less fails for good, naming it."""
    await scenario.make(lab)
    for lacking in _verbs(scenario.needs):
        opened = await _account(lab, scenario, lacking)
        if lacking.resource in scenario.advisory:
            change = await opened.plan(scenario.action, scenario.arguments)
            assert any(lacking.verbs[0] in w and lacking.resource in w for w in change.warnings)
        else:
            with pytest.raises(ApplicationError) as refused:
                await opened.apply(await opened.plan(scenario.action, scenario.arguments))
            assert (refused.value.type, refused.value.non_retryable) == ("NotAllowed", True)
            assert f"verb {lacking.verbs[0]} on {lacking.resource}" in refused.value.message
        await opened.close()
        assert await scenario.seen(lab) == scenario.before
    opened = await _account(lab, scenario, None)
    change = await opened.plan(scenario.action, scenario.arguments)
    assert (await opened.apply(change)).outcome == "changed"
    if change.undo == "restore":
        assert (await opened.apply(change, undo=True)).outcome == "changed"
    await opened.close()


async def meddle(lab: Lab, scenario: Scenario) -> None:
    """Change the target as somebody else would."""
    await lab.cluster.api.request(
        "PATCH",
        lab.path(scenario.owned or scenario.kind, await scenario.name(lab)),
        body=scenario.meddle,
        content_type="application/merge-patch+json",
    )


def _again(scenario: Scenario) -> dict[str, Any]:
    """The same wish once more, without what was expected before it came true."""
    return {k: v for k, v in scenario.arguments.items() if k not in ("expected", "expected_current")}


def _verbs(rights: Iterable[Verb]) -> list[Verb]:
    return [Verb(right.group, right.resource, (verb,)) for right in rights for verb in right.verbs]


async def _account(lab: Lab, scenario: Scenario, lacking: Verb | None) -> Lab:
    """The lab as a service account of its own with all of the scenario's rights but one."""
    rights = [right for right in _verbs(scenario.needs) if right != lacking]
    name = f"without-{lacking.verbs[0]}-{lacking.resource}" if lacking else "least"
    kubeconfig = await lab.cluster.service_account(lab.namespace, name)
    rules = [{"apiGroups": [r.group], "resources": [r.resource], "verbs": list(r.verbs)} for r in rights]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": lab.namespace}]
    for kind, more in (("Role", {"rules": rules}), ("RoleBinding", {"roleRef": role, "subjects": subjects})):
        await lab.apply_manifest(
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, **more}
        )
    if rights:
        await eventually(lambda: _may(lab, name, rights[0]), 20, f"the rights of {name}")
    return Lab(lab.cluster, lab.namespace, NoHalt(), kubeconfig)


async def _may(lab: Lab, account: str, right: Verb) -> bool:
    """Whether the API server knows of the right by now."""
    attributes = {
        "namespace": lab.namespace,
        "verb": right.verbs[0],
        "group": right.group,
        "resource": right.resource,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{lab.namespace}:{account}",
            "resourceAttributes": attributes,
        },
    }
    answer = await lab.cluster.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)
    return bool(answer["status"]["allowed"])
