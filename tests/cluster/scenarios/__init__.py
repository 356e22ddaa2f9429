"""One scenario an action, on the real API server: its target, its effect, its undo and its rights.

A scenario keeps no state and names everything inside the namespace of the lab that it is given, so that
many can be open at once. A new action has its scenario in the module of its group, and nothing else to do:
the generic tests (``test_scenarios.py``) go over all of them.
"""

from __future__ import annotations

from tests.cluster.scenarios import autoscaling, jobs, settings, traffic, workloads
from tests.cluster.scenarios.scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.action: scenario
    for group in (workloads, autoscaling, traffic, jobs, settings)
    for scenario in group.SCENARIOS
}
"""Action name → its scenario; complete by the catalogue, which a test holds."""

OWN_TESTS: dict[str, str] = {
    name: f"tests/cluster/{module}.py"
    for module, names in {
        "test_nodes": ("cordon", "uncordon", "taint", "untaint", "drain"),
        "test_pods": ("pod_delete", "pods_delete", "stuck_pods_delete", "job_run", "isolate"),
    }.items()
    for name in names
}
"""Actions that write no field of one object of a namespace: which module shows the same of them."""
