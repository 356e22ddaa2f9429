"""YAML with positions: what is wrong is shown where it stands."""

from __future__ import annotations

import pytest
from pydantic import Field, JsonValue

from mainstay.domain.model import Strict
from mainstay.domain.positioned import DocumentErrors, read, validate


class Step(Strict):
    wait: int


class Document(Strict):
    name: str
    on: dict[str, str] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: off", {"on": "off"}),
        ("a: yes\nb: 1:30\nc: 2026-01-02", {"a": "yes", "b": "1:30", "c": "2026-01-02"}),
        ("a: 0x10\nb: 010\nc: 1e3\nd: -.5\ne: true\nf: ~\ng:", None),
        ("404: x\ntrue: y", {"404": "x", "true": "y"}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: &x {b: 1}\ne: &y {b: 3, c: 4}\nd: {<<: [*x, *y]}", None),
        ("", None),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: JsonValue) -> None:
    """``on``, ``yes`` and times are text, keys are always text, merge keys work."""
    wanted = {
        "a: 0x10\nb: 010\nc: 1e3\nd: -.5\ne: true\nf: ~\ng:": {
            "a": 16,
            "b": 10,
            "c": 1000.0,
            "d": -0.5,
            "e": True,
            "f": None,
            "g": None,
        },
        "a: &x {b: 1}\ne: &y {b: 3, c: 4}\nd: {<<: [*x, *y]}": {
            "a": {"b": 1},
            "e": {"b": 3, "c": 4},
            "d": {"b": 1, "c": 4},
        },
    }
    assert read(text)[0] == wanted.get(text, value)


def test_positions_are_those_of_keys_and_items() -> None:
    """Line and column count from 1."""
    _, positions = read("name: x\nsteps:\n  - wait: 1\n  - {wait: 2}\n")
    assert positions[("name",)] == (1, 1)
    assert positions[("steps", 0)] == (3, 5)
    assert positions[("steps", 1, "wait")] == (4, 6)


REFUSED = [
    ("a: 1\na: 2", ["f.yaml:2:1: key 'a' is already given in line 1"]),
    (
        "a: {b: 1, b: 2}\nc: 1\nc: 2",
        ["f.yaml:1:11: key 'b' is already given in line 1", "f.yaml:3:1: key 'c'"],
    ),
    ("a: [1, 2", ["f.yaml:2:1: while parsing a flow sequence"]),
    ("a: b: c", ["f.yaml:1:5: mapping values are not allowed"]),
    ("a: !!python/object:os.system x", ["f.yaml:1:4: the tag 'python/object:os.system' is not supported"]),
    ("a: !secret x", ["f.yaml:1:4: the tag '!secret' is not supported"]),
    ("? [a, b]\n: c", ["f.yaml:1:3: a key must be plain text"]),
    ("a: 1\n---\nb: 1", ["f.yaml:2:1: expected a single document"]),
    ("a: &x [*x]", ["f.yaml:1:4: the document is too large or too deep"]),
    ("a: {<<: 5}", ["f.yaml:1:9: only mappings can be merged"]),
    ("a: " + "9" * 400, ["f.yaml:1:4: the number has too many digits"]),
    ("a: \x00", ["f.yaml:1:1: cannot be read as YAML"]),
]


@pytest.mark.parametrize(("text", "wanted"), REFUSED)
def test_broken_documents_are_refused_with_their_place(text: str, wanted: list[str]) -> None:
    """Every broken place is named at once."""
    with pytest.raises(DocumentErrors) as refused:
        read(text, "f.yaml")
    shown = [str(problem) for problem in refused.value.problems]
    assert len(shown) == len(wanted)
    assert all(line.startswith(start) for line, start in zip(shown, wanted, strict=True)), shown


def test_aliases_that_grow_without_end_are_refused() -> None:
    """A few lines of aliases cannot take all memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    with pytest.raises(DocumentErrors, match="too large"):
        read("\n".join(lines))


def test_validate_shows_every_problem_at_its_line() -> None:
    """Model errors stand where the value stands; missing fields at what lacks them."""
    text = "on: {a: 5}\ncolour: red\nsteps:\n  - wait: soon\n  - {}\n"
    value, problems = validate(Document, text, "f.yaml")
    assert value is None
    assert [(p.line, p.column, p.message) for p in problems] == [
        (1, 1, "field 'name' is required"),
        (1, 6, "on.a: Input should be a valid string"),
        (2, 1, "unknown field 'colour'"),
        (4, 5, "steps.0.wait: Input should be a valid integer, unable to parse string as an integer"),
        (5, 5, "field 'wait' is required in steps.1"),
    ]


def test_validate_gives_the_value() -> None:
    """A document without problems is the model's value."""
    value, problems = validate(Document, "name: x\non: {a: b}\nsteps: [{wait: 3}]")
    assert problems == []
    assert value == Document(name="x", on={"a": "b"}, steps=(Step(wait=3),))
