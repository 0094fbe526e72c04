"""`{{variables}}`: what each gives, what is missing, and that values are never expanded again."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgauge.domain.calls import AgentFacts, transcript_text
from callgauge.engine.faults import MissingVariable
from callgauge.engine.variables import BUILT_IN, agent_description, references, render
from tests.engine.calls import TURNS, make_call


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no variables { } {x}", "no variables { } {x}"),
        ("{{call_end_reason}}", "customer-ended-call"),
        ("{{date}} / {{timestamp}}", "2026-03-01 / 2026-03-01T09:30:00Z"),
        ("{{agent.name}} {{agent.language}}", "Ada en"),
        ("{{agent.inbound}} {{agent.contact_number}}", "true +15550100"),
        ("{{agent.description}}", "Books dentist appointments for Bright Smile. Greets {{unknown}}."),
        ("{{metadata.tier}}", "gold"),
        ("{{ metadata.tier }}", "gold"),
        ("{{\n  metadata . tier\n}}", "gold"),
        ('{{metadata["tier"]}}', "gold"),
        ("{{metadata['tier']}}", "gold"),
        ("{{ metadata [ 'tier' ] }}", "gold"),
        ('{{metadata["a.b"]}}', "1"),
        ("{{metadata['on hold']}} {{metadata.on hold}}", "false false"),
        ("{{metadata.order.items[0].sku}}", "A-1"),
        ("{{metadata['order'][\"items\"].0['sku']}}", "A-1"),
        ("{{metadata.order}}", '{"items": [{"sku": "A-1"}]}'),
        ("{{dynamic_variables.clinic}}", "Bright Smile"),
        ("{{dynamic_variables.patient-name}}", "Ann"),
        ('{{agent["name"]}}', "Ada"),
        ("{{{metadata.tier}}}", "{gold}"),
        ("{{metadata.tier}}{{metadata.tier}}", "goldgold"),
    ],
)
def test_forms(template, text):
    assert render(template, make_call()) == text


def test_the_transcript_is_the_plain_one():
    assert render("{{transcript}}", make_call()) == transcript_text(TURNS)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{metadata.nothing}}", "metadata.nothing"),
        ("{{metadata.tier.deeper}}", "metadata.tier.deeper"),
        ("{{metadata.order.items[3]}}", "metadata.order.items.3"),
        ("{{metadata.order.items.999999999999}}", "metadata.order.items.999999999999"),
        ("{{Metadata.tier}}", "Metadata.tier"),
        ("{{metadata.Tier}}", "metadata.Tier"),
        ("{{TRANSCRIPT}}", "TRANSCRIPT"),
        ("{{dynamic_variables.other}}", "dynamic_variables.other"),
        ("{{agent.secret}}", "agent.secret"),
        ("{{agent}}", "agent"),
        ("{{clinic}}", "clinic"),
        ("{{transcript.0}}", "transcript.0"),
        ("{{}}", ""),
        ("{{ first name }}", "first name"),
        ("{{metadata['tier}}", "metadata['tier"),
        ("fine {{metadata.tier}}, missing {{metadata.x}}", "metadata.x"),
    ],
)
def test_a_missing_variable_is_named(template, name):
    with pytest.raises(MissingVariable) as error:
        render(template, make_call())
    assert error.value.name == name
    assert str(error.value) == f"The variable {{{{{name}}}}} does not exist for this call."


def test_a_built_in_variable_without_a_value_says_so_and_is_not_empty():
    bare = make_call(turns=(), timestamp="", ended_reason="", agent=AgentFacts(id=1, name=""))
    for name in BUILT_IN:
        assert render(f"<{{{{{name}}}}}>", bare) == "<(not known)>"


def test_a_key_that_is_there_and_null_is_not_missing():
    assert render("{{metadata.x}}", make_call(metadata={"x": None})) == "null"


def test_braces_in_values_are_not_expanded_again():
    call = make_call(
        metadata={"a": "{{metadata.b}}", "b": "{{call_end_reason}}", "open": "{{", "close": "metadata.a}}"},
        dynamic_variables={"clinic": "{{agent.name}} {{clinic}}"},
    )
    assert (
        render("{{metadata.a}} {{metadata.open}}{{metadata.close}}", call) == "{{metadata.b}} {{metadata.a}}"
    )
    assert render("{{agent.description}}", call).startswith(
        "Books dentist appointments for {{agent.name}} {{clinic}}."
    )


def test_agent_descriptions_take_dynamic_variables_and_leave_the_rest():
    agent = AgentFacts(
        id=1,
        name="A",
        description="{{ clinic }} {{patient-name}} {{dynamic_variables.clinic}} "
        "{{metadata.tier}} {{agent.name}} {{}}",
    )
    assert (
        agent_description(make_call(agent=agent))
        == "Bright Smile Ann Bright Smile {{metadata.tier}} {{agent.name}} {{}}"
    )


def test_references_list_what_a_template_uses():
    assert references("{{transcript}} {{metadata['a']['b']}} {{ metadata.a.b }}") == {
        "transcript",
        "metadata.a.b",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_any_value_is_written_once_as_text_or_json(value):
    written = render("[{{metadata.x}}]", make_call(metadata={"x": value}))
    assert written == f"[{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}]"


@given(st.text(alphabet="{}[]\".' ametdx0", max_size=60))
def test_a_template_is_either_rendered_or_names_what_is_missing(template):
    with contextlib.suppress(MissingVariable):
        assert isinstance(render(template, make_call(metadata={"x": "V"})), str)
