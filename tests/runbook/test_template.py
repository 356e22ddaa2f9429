"""Templates: filled in, bounded, sandboxed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.template import is_template, problems, references, render, render_value

VALUES: dict[str, JsonValue] = {
    "inputs": {"n": 3, "workload": {"name": "checkout", "items": 7}, "hostile": "{{ 7 * 7 }}"},
    "facts": {"look": {"image": None, "values": [1, 2]}},
}


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("plain {text}", "plain {text}"),
        ("{{ inputs.workload.name }}", "checkout"),
        ("{{ inputs.n }} of {{ inputs.n + 1 }}", "3 of 4"),
        ("{{ inputs.n }}", 3),
        ("  {{ inputs.workload }}  ", {"name": "checkout", "items": 7}),
        ("{{ inputs.workload.items }}", 7),
        ("{{ facts.look.values }}", [1, 2]),
        ("{{ facts.look.image }}", None),
        ("{{ inputs.none | default('x') }}", "x"),
        ("{{ '}}' }}", "}}"),
        ("{% if inputs.n > 2 %}many{% endif %}", "many"),
        ("{{ inputs.hostile }}", "{{ 7 * 7 }}"),
        ("a {{ inputs.hostile }}", "a {{ 7 * 7 }}"),
    ],
)
def test_rendering(template: str, wanted: JsonValue) -> None:
    """A text that is one expression keeps its type; values are never rendered again."""
    assert render_value(template, VALUES) == wanted


def test_rendering_reaches_every_text_of_a_value() -> None:
    """Lists and mappings are gone through; keys and other values stay."""
    value: JsonValue = {"{{ k }}": ["{{ inputs.n }}", 5, None, {"a": "x{{ inputs.n }}"}]}
    assert render_value(value, VALUES) == {"{{ k }}": [3, 5, None, {"a": "x3"}]}


BAD = [
    ("{{ inputs.none }}", "has no attribute 'none'"),
    ("{{ other.x }}", "'other' is undefined"),
    ("{{ inputs.n", "unexpected end of template"),
    ("{{ inputs.n | shout }}", "No filter named 'shout'"),
    ("{{ 'x' * 10000000 }}", "is for numbers up to"),
    ("{{ 9 ** 99999 }}", "is for numbers up to"),
    ("{% for i in range(99999) %}xxxxxxxxxx{% endfor %}", "renders to more than"),
    ("{% for i in range(9999999) %}x{% endfor %}", "Range too big"),
    ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ("{{ inputs.__class__ }}", "unsafe"),
    ("{{ inputs.update({'n': 4}) }}", "unsafe"),
    ("{{ facts.look.values.append(3) }}", "unsafe"),
    ("{% include '/etc/passwd' %}", "loader"),
    ("{{ range(3) }}", "gives a range"),
    ("{{ 1 / 0 }}", "division by zero"),
]


@pytest.mark.parametrize(("template", "why"), BAD)
def test_what_cannot_be_rendered_is_refused_by_name(template: str, why: str) -> None:
    """The refusal names the template and the reason, whatever the engine raises."""
    with pytest.raises(InvalidArgument) as refused:
        render_value(template, VALUES)
    assert why in refused.value.message
    assert template[:20] in refused.value.message


def test_references() -> None:
    """The names that a template needs from outside, as far as they are fixed."""
    text = "{{ inputs.w.name }}{{ facts['look'].x }}{% for i in inputs.l %}{{ i.z }}{% endfor %}{{ inputs[k] }}"
    assert references(text) == (
        ("inputs", "w", "name"),
        ("facts", "look", "x"),
        ("inputs", "l"),
        ("inputs",),
        ("k",),
    )
    assert references("{{ broken") == ()


def test_problems_are_found_without_values() -> None:
    """For lint: syntax and filters, not what only values decide."""
    assert problems("{{ inputs.whatever }} text") == ()
    assert "expected name or number" in problems("{{ inputs. }}")[0]
    assert "nope" in problems("{{ x | nope }}")[0]


@given(st.text())
def test_text_without_markers_is_left_alone(text: str) -> None:
    """Only ``{{``, ``{%`` and ``{#`` mean something."""
    if not is_template(text) and "{#" not in text:
        assert render(text, VALUES) == text


@given(st.text())
def test_values_are_never_code(text: str) -> None:
    """Hostile text that comes in as a value comes out as it was."""
    assert render("<{{ inputs.x }}>", {"inputs": {"x": text}}) == f"<{text}>"
    assert render_value("{{ inputs.x }}", {"inputs": {"x": text}}) == text


@given(st.text(alphabet="{}%#| .inputsx'\"()[]-\n", max_size=40))
def test_no_template_raises_anything_but_a_refusal(text: str) -> None:
    """Whatever is written, the answer is a value or InvalidArgument."""
    with contextlib.suppress(InvalidArgument):
        render_value(text, VALUES)
