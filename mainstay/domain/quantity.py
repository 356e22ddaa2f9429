"""Kubernetes quantities: ``500m``, ``2Gi``, ``1e3``.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from mainstay.domain.errors import InvalidArgument

_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_PATTERN = re.compile(r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?)([numkMGTPE]?i?)")


def quantity(text: str) -> Decimal:
    """The number that a quantity says. Raises InvalidArgument for what is none."""
    found = _PATTERN.fullmatch(text.strip())
    if not found or found[2] not in _FACTORS:
        raise InvalidArgument(f"{text[:40]!r} is no quantity")
    try:
        return Decimal(found[1]) * _FACTORS[found[2]]
    except InvalidOperation:
        raise InvalidArgument(f"{text[:40]!r} is no quantity") from None
