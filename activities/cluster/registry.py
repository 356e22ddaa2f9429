"""Every action's implementation, a line each; equal to the catalogue's, which a test holds."""

from __future__ import annotations

from typing import Any

from activities.cluster import containers, cronjob_suspend, nodes, pods, rollout_pause, settings
from activities.cluster.action import Action
from activities.cluster.autoscaler_bounds import BoundAutoscaler
from activities.cluster.drain import DrainNode
from activities.cluster.ingress_canary import WeighCanary
from activities.cluster.isolate import IsolateWorkload
from activities.cluster.job_run import RunJob
from activities.cluster.mark_verified import MarkVerified
from activities.cluster.rollout_restart import RestartRollout
from activities.cluster.rollout_undo import UndoRollout
from activities.cluster.scale import ScaleReplicas
from activities.cluster.service_switch import SwitchService

KINDS: tuple[type[Action[Any]], ...] = (
    UndoRollout,
    RestartRollout,
    MarkVerified,
    rollout_pause.PauseRollout,
    rollout_pause.ResumeRollout,
    containers.SetContainerImage,
    containers.SetContainerEnv,
    containers.SetContainerResources,
    containers.PatchFields,
    ScaleReplicas,
    BoundAutoscaler,
    SwitchService,
    WeighCanary,
    cronjob_suspend.SuspendCronJob,
    cronjob_suspend.ResumeCronJob,
    settings.SwitchFlag,
    settings.LimitRate,
    settings.BreakCircuit,
    settings.DegradeService,
    settings.SwitchReplica,
    settings.LabelObject,
    settings.AnnotateObject,
    settings.PatchCustom,
    nodes.CordonNode,
    nodes.UncordonNode,
    nodes.TaintNode,
    nodes.UntaintNode,
    DrainNode,
    pods.DeletePod,
    pods.DeletePods,
    pods.DeleteStuckPods,
    RunJob,
    IsolateWorkload,
)
