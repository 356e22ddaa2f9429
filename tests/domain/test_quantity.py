"""Kubernetes quantities."""

from __future__ import annotations

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.quantity import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("500m", 0.5), ("2Gi", 2**31), ("1.5k", 1500), ("1e3", 1000), ("-2", -2), (".5", 0.5), ("1E", 10**18)],
)
def test_each_suffix(text: str, value: float) -> None:
    assert float(quantity(text)) == value


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1i", "one", "1mi", "1Gib"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="no quantity"):
        quantity(text)
