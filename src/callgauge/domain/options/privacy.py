"""What becomes of personal data."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, one_of

PRIVACY: tuple[Option, ...] = (
    Option(
        "REDACTION_ORIGINALS",
        "word",
        one_of("drop", "keep", "measure"),
        "drop",
        "What becomes of a redacted call as it was sent: dropped; kept, so that it can be redacted again; or "
        "kept and also what metrics read, whose explanations may then quote it.",
    ),
)
