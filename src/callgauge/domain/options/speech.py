"""Speech to text, for metrics that compare the transcript with what was said."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, positive, text

SPEECH: tuple[Option, ...] = (
    Option(
        "STT",
        "kind:model",
        text,
        "",
        "The model that writes recordings down: openai:MODEL for a server that speaks OpenAI's API, "
        "faster-whisper:FOLDER for a model on this machine (needs the extra stt), or empty for none.",
    ),
    Option(
        "STT_BASE_URL",
        "URL",
        text,
        "",
        "Address of the speech-to-text server; empty for OpenAI's own.",
    ),
    Option("STT_API_KEY", "text", text, "", "Key for the speech-to-text server.", secret=True),
    Option(
        "STT_TIMEOUT_SECS",
        "seconds",
        positive,
        "300",
        "How long writing down one piece, of ten minutes at most, may take.",
    ),
)
