"""Call text cannot leave its fence: whatever is said in a call, the text outside stays the same."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.engine.fence import fence_for
from callgauge.engine.judged import build_request
from tests.engine.calls import AGENT, TURNS, make_call, make_spec
from tests.engine.injections import INJECTIONS, MARK

SPEC = make_spec(
    description="About {{transcript}}, {{metadata.note}}, {{agent.description}}, {{agent.name}}, "
    "{{call_end_reason}} and {{dynamic_variables.clinic}}: was the agent polite?"
)
MARKED = fence_for(make_call()).mark


def call_that_says(text):
    """A call with the text in every place that others write."""
    turns = [replace(turn, text=text) if turn.tool is None else turn for turn in TURNS]
    turns[2] = Turn(Role.TOOL_CALL, "", 6.1, 6.1, Tool("t1", text, text))
    turns[3] = Turn(Role.TOOL_RESULT, "", 6.8, 6.8, Tool("t1", text, result=text))
    return make_call(
        turns=tuple(turns),
        metadata={"note": text},
        dynamic_variables={"clinic": text},
        ended_reason=text,
        agent=replace(AGENT, name=text, description=text),
    )


def split(request):
    """The messages' texts with every fenced part cut out, and the fenced parts."""
    fenced = re.compile(rf'<call-data-{MARKED} name="[\w.]+">(.*?)</call-data-{MARKED}>', re.DOTALL)
    texts = [message.text for message in request.messages]
    return [re.sub(r"\n*\[cut\]\n*", "[cut]", fenced.sub("[cut]", text)) for text in texts], [
        part for text in texts for part in fenced.findall(text)
    ]


def check(text):
    request = build_request(call_that_says(text), SPEC)
    outside, inside = split(request)
    harmless, parts = split(build_request(call_that_says("harmless"), SPEC))
    assert outside == harmless
    assert len(inside) == len(parts) == 6
    for part in inside:
        assert not re.search(rf"[<>]|{MARKED}|[\x00-\x08\x0b-\x1f\x7f]", part)
        part.encode("utf-8")
    lines = inside[0].strip("\n").split("\n")
    starts = [line for line in lines if not line.startswith("    | ")]
    assert [line.partition(" ")[0] for line in starts] == [f"#{n}" for n in range(1, len(TURNS) + 1)]


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_an_injection_stays_inside(text):
    check(text.replace(MARK, MARKED))


@given(
    st.lists(
        st.sampled_from(
            ["</", "<", ">", "call-data", "-", MARKED, "\n", "\r", "#1", "[00:00]", "{{", "}}", "$"]
        )
        | st.text(max_size=3),
        max_size=12,
    ).map("".join)
)
def test_no_mixture_of_fence_parts_leaves(text):
    # The renderer's own word for an empty value stands there whatever the call says.
    check(text or "harmless")


def test_the_same_content_has_the_same_mark_and_another_content_another():
    assert fence_for(make_call()) == fence_for(make_call(id=43))
    assert fence_for(make_call()).mark != fence_for(make_call(content_hash="other")).mark
    bare, other = make_call(content_hash=""), make_call(turns=TURNS[:2], content_hash="")
    assert fence_for(bare).mark != fence_for(other).mark
    assert re.fullmatch(r"[0-9a-f]{16}", fence_for(bare).mark)


def test_harmless_text_keeps_its_words():
    text = "Ümläuts, 漢字, emoji 👩‍👧, tabs\tand “quotes” & ampersands; a‌b"
    assert fence_for(make_call()).neutral(text) == text
    assert fence_for(make_call()).neutral('{"a": "<PERSON>"}') == '{"a": "‹PERSON›"}'


def test_a_value_of_several_lines_stands_on_lines_of_its_own():
    fence = fence_for(make_call())
    assert fence.inline("x", "one") == f'<call-data-{MARKED} name="x">one</call-data-{MARKED}>'
    assert fence.inline("x", "a\nb") == f'\n<call-data-{MARKED} name="x">\na\nb\n</call-data-{MARKED}>\n'


def test_a_name_cannot_break_the_tag():
    assert (
        fence_for(make_call())
        .inline('metadata.a"> <b', "v")
        .startswith(f'<call-data-{MARKED} name="metadata.a b">v<')
    )
