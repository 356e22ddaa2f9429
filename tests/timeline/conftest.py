"""The stage of the workflow tests, for time lines."""

from tests.workflows.conftest import client, recorder, stage  # noqa: F401 - fixtures
