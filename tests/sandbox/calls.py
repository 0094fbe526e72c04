"""One call as metric scripts get it, and the judge that answers about it in tests."""

from __future__ import annotations

import copy
from typing import Any

from callgauge.sandbox import JudgeAsk, JudgeReply, JudgeVerdict

_TURNS = [
    ("Main Agent", "Hello, this is the parcel desk. How can I help you today?", 0.5, 3.9),
    ("Testing Agent", "Hi, I'm José García. Where is my order number 48213?", 4.6, 8.0),
    ("Main Agent", "Let me look that up. One moment, please.", 8.9, 11.0),
    ("Function Call", '{"name": "find_order", "arguments": {"id": 48213}}', 11.0, 11.0),
    ("Function Call Result", '{"status": "delayed", "days": 2, "price": "€19.90"}', 12.2, 12.2),
    ("Main Agent", "It is delayed by two days. Is 12 Hill Street still the address?", 14.7, 19.3),
    ("Testing Agent", "Yes. That's annoying, but okay. 谢谢!", 19.9, 22.4),
    ("Main Agent", "I am sorry about that. Anything else?", 23.0, 25.8),
    ("Testing Agent", "No, call me at 415-555-0132 or jose@example.com. Bye.", 26.3, 31.0),
    ("Main Agent", "Thank you, José. Have a nice day. Goodbye!", 31.6, 34.9),
]


def _clock(secs: float) -> str:
    return f"{int(secs) // 60:02d}:{int(secs) % 60:02d}"


DATA: dict[str, Any] = {
    "transcript": "\n".join(f"[{_clock(start)}] {role}: {text}" for role, text, start, _ in _TURNS),
    "transcript_json": [
        {"role": role, "content": text, "time": _clock(start), "start_time": start, "end_time": end}
        for role, text, start, end in _TURNS
    ],
    "call_duration": 35.4,
    "call_end_reason": "main-agent-ended-call",
    "voice_recording": "https://recordings.example.com/1.wav",
    "agent_description": "Answers questions about parcels. Never promises a date.",
    "date": "2025-03-14",
    "timestamp": "2025-03-14T09:26:53+00:00",
    "metadata": {"customer": '{"tier": "gold", "since": 2019}', "retries": 0, "score": None},
    "dynamic_variables": {"name": "José", "language": "en"},
    "topic": "delivery",
    "call_log_id": 7,
    "tags": ["vip", "repeat"],
    "recording_data": {
        "has_audio_data": True,
        "sample_rate": 16000,
        "shape": [566400, 2],
        "separable_channels": True,
        "total_duration": 35.4,
        "main_speaking": [[0.5, 3.9], [8.9, 11.0], [14.7, 19.3], [23.0, 25.8], [31.6, 34.9]],
        "testing_speaking": [[4.6, 8.0], [19.9, 22.4], [26.3, 31.0]],
    },
    "Average Latency (in ms)": 1140.0,
    "latency_data": [
        {"latency": 900, "speaker": "Main Agent", "start_time": 8.9},
        {"latency": 2500, "speaker": "Main Agent", "start_time": 14.7},
        {"latency": 600, "speaker": "Main Agent", "start_time": 23.0},
        {"latency": 560, "speaker": "Main Agent", "start_time": 31.6},
    ],
    "CSAT": 80,
    "Politeness": True,
    "Sentiment": "neutral",
    "Voice Change": None,
    "explanation": {"CSAT": ["Fine."], "Politeness": ["The agent apologised."], "Sentiment": []},
}


def data() -> dict[str, Any]:
    return copy.deepcopy(DATA)


def judge(ask: JudgeAsk) -> JudgeReply:
    """Passes everything, picks the first label, gives 4 for numbers."""
    result: Any = {"enum": (ask.enum_values or [None])[0], "numeric": 4, "continuous_qualitative": 4}.get(
        ask.eval_type, True
    )
    return JudgeVerdict(result, [f"Judged: {ask.description}"])
