"""The `data` of a Python metric has every documented key, and the call's own keys always win."""

import json

from callgauge.domain.outcomes import Failed, FailureCode, Scored, Skipped, SkipReason, Value
from callgauge.engine.script_data import script_data
from tests.engine.calls import make_call

RESULTS = {
    "Polite": Scored(Value(passed=True), ("Very.",)),
    "Count": Scored(Value(number=3.0)),
    "Mood": Scored(Value(label="good")),
    "Left out": Skipped(SkipReason.NOT_APPLICABLE, ("Not asked.",)),
    "Broken": Failed(FailureCode.SCRIPT_ERROR, ("Line 3.",)),
    "transcript": Scored(Value(number=1.0), ("A metric named like a key.",)),
}


def test_every_key():
    data = script_data(make_call(recording_url="https://example.org/a.wav"), {})
    assert (
        data["transcript"].splitlines()[1]
        == "[00:03] Testing Agent: I'd like to move my appointment to Friday."
    )
    assert data["transcript_json"][1] == {
        "role": "Testing Agent",
        "content": "I'd like to move my appointment to Friday.",
        "time": "00:03",
        "start_time": 3.5,
        "end_time": 6.0,
    }
    assert data["transcript_json"][2]["data"] == {
        "id": "t1",
        "name": "find_slot",
        "arguments": '{"day": "Friday"}',
    }
    assert data["transcript_json"][3]["data"] == {
        "id": "t1",
        "name": "find_slot",
        "result": '{"slots": ["10:00"]}',
    }
    plain = {
        "call_duration": 73.4,
        "call_end_reason": "customer-ended-call",
        "voice_recording": "https://example.org/a.wav",
        "agent_description": "Books dentist appointments for Bright Smile. Greets {{unknown}}.",
        "date": "2026-03-01",
        "timestamp": "2026-03-01T09:30:00Z",
        "topic": "booking",
        "call_log_id": 42,
        "tags": ["pilot"],
        "Average Latency (in ms)": 900.0,
        "explanation": {},
    }
    assert {key: data[key] for key in plain} == plain
    assert data["metadata"]["tier"] == "gold"
    assert data["dynamic_variables"]["clinic"] == "Bright Smile"
    assert data["latency_data"][0] == {"latency": 1200.0, "speaker": "Main Agent", "start_time": 7.2}
    assert set(data["recording_data"]) == {
        "has_audio_data",
        "sample_rate",
        "shape",
        "separable_channels",
        "total_duration",
        "main_speaking",
        "testing_speaking",
    }
    assert data["recording_data"]["has_audio_data"] is False


def test_results_by_name():
    data = script_data(make_call(), RESULTS)
    assert (data["Polite"], data["Count"], data["Mood"]) == (True, 3.0, "good")
    assert (data["Left out"], data["Broken"]) == (None, None)
    assert data["explanation"]["Polite"] == ["Very."]
    assert data["explanation"]["Broken"] == ["Line 3."]
    assert data["transcript"].startswith("[00:00]")
    assert data["explanation"]["transcript"] == ["A metric named like a key."]


def test_it_is_json_and_its_maps_are_its_own():
    call = make_call()
    data = script_data(call, RESULTS)
    assert json.loads(json.dumps(data)) == data
    data["metadata"]["tier"] = "changed"
    assert call.metadata["tier"] == "gold"


def test_a_bare_call():
    data = script_data(make_call(turns=(), duration_secs=None, timestamp=""), {})
    assert data["Average Latency (in ms)"] is None
    assert data["latency_data"] == []
    assert data["transcript"] == ""
