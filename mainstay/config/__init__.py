"""The operators' folder (YAML) as one frozen value."""

from mainstay.config.files import ConfigErrors
from mainstay.config.load import check, load
from mainstay.config.model import Config
from mainstay.domain.positioned import Problem

__all__ = ["Config", "ConfigErrors", "Problem", "check", "load"]
