"""Every action, probe and channel as data: what it takes, touches, risks and takes back."""

from mainstay.domain.catalogue.actions import ACTIONS
from mainstay.domain.catalogue.channels import CHANNELS
from mainstay.domain.catalogue.probes import PROBES
from mainstay.domain.catalogue.spec import (
    ActionSpec,
    ChannelSpec,
    ProbeSpec,
    check_parameters,
    parse_parameters,
)

__all__ = [
    "ACTIONS",
    "CHANNELS",
    "PROBES",
    "ActionSpec",
    "ChannelSpec",
    "ProbeSpec",
    "check_parameters",
    "parse_parameters",
]
