"""Seeded random damage to a valid payload: bytes, JSON values and structure."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "\0",
    "\ud800",
    "\u202e<script>alert(1)</script>",
    "x" * 20_000,
    [],
    {},
    [[]],
    {"a": {"b": []}},
    "2026-13-45T99:99:99Z",
    "resolved",
    "firing",
)


def mutations(payload: bytes, seed: int, count: int) -> Iterator[bytes]:
    """``count`` bodies; the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        if chance.random() < 0.3:
            yield _bytes(payload, chance)
        else:
            yield _values(payload, chance)


def _bytes(payload: bytes, chance: random.Random) -> bytes:
    body = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randint(1, 20)]
            case 2:
                body[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
            case _:
                del body[at:]
        if not body:
            return b""
    return bytes(body)


def _values(payload: bytes, chance: random.Random) -> bytes:
    tree = json.loads(payload)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(tree))
        if not places:
            break
        holder, key = chance.choice(places)
        if chance.random() < 0.25:
            del holder[key]
        elif isinstance(holder, list) and chance.random() < 0.3:
            holder.insert(key, holder[key])
        else:
            holder[key] = chance.choice(_VALUES)
    return json.dumps(tree, ensure_ascii=chance.random() < 0.5).encode("utf-8", errors="surrogatepass")


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)
