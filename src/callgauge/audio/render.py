"""A picture of a call: two lanes of speech over a common clock, overlaps named, latencies marked."""

from __future__ import annotations

import os
from typing import Any

from .analysis import Analysis, Span

_WIDTH_PX = 1600  # of one row
_ROW_SECS = 30.0
_LANE_PX, _GAP_PX, _TOP_PX, _LABEL_PX, _ROW_GAP_PX = 34, 44, 84, 96, 36
_MAX_ROWS = 60  # half an hour; a longer call gets longer rows
_BACKGROUND, _INK, _FAINT = (255, 255, 255), (33, 37, 41), (222, 226, 230)
_AGENT, _CALLER, _BOTH = (66, 99, 235), (47, 158, 68), (134, 142, 150)
_INTERRUPTION, _BACKCHANNEL, _LATENCY = (224, 49, 49), (230, 119, 0), (95, 61, 196)
_SHOWN_SILENCE_SECS = 2.0


_OF_PARTIES = (
    (_AGENT, "agent"),
    (_CALLER, "caller"),
    (_INTERRUPTION, "interruption (by whom, ms until the other stopped)"),
    (_BACKCHANNEL, "backchannel"),
    (_LATENCY, "response latency, ms"),
)
_OF_BOTH = ((_BOTH, "speech of either party"),)
_OF_NOBODY = (_FAINT, f"silence of {_SHOWN_SILENCE_SECS:.0f} s and more")
"""What the colours mean: only those that a picture can have are named in it."""


def render_png(analysis: Analysis, path: str | os.PathLike[str]) -> None:
    """Write the picture; 30 s a row, more in calls over half an hour."""
    from PIL import Image, ImageDraw

    row_secs = max(_ROW_SECS, analysis.duration_secs / _MAX_ROWS)
    rows = max(int(-(-analysis.duration_secs // row_secs)), 1)
    height = _TOP_PX + rows * _row_px()
    image = Image.new("RGB", (_LABEL_PX + _WIDTH_PX + 24, height), _BACKGROUND)
    picture = _Picture(ImageDraw.Draw(image), row_secs, analysis)
    picture.heading()
    for row in range(rows):
        picture.row(row)
    image.save(os.fspath(path), format="PNG", optimize=True)


def _row_px() -> int:
    return 2 * _LANE_PX + _GAP_PX + _ROW_GAP_PX


class _Picture:
    def __init__(self, draw: Any, row_secs: float, analysis: Analysis) -> None:
        from PIL import ImageFont

        self.draw = draw
        self.row_secs = row_secs
        self.analysis = analysis
        self.mixed = analysis.health.agent_channel is None
        self.small = ImageFont.load_default(size=12)
        self.large = ImageFont.load_default(size=16)

    def heading(self) -> None:
        health = self.analysis.health
        names = ("both parties:", "") if self.mixed else ("agent", "caller")
        sides = [
            f"{name} SNR {side.snr_db:.0f} dB"
            + ("" if side.leak_db is None else f", leak {side.leak_db:.0f} dB at {side.leak_delay_ms:.0f} ms")
            for name, side in zip(names, (health.agent, health.caller), strict=True)
            if side is not None
        ]
        title = f"{self.analysis.duration_secs:.1f} s, {health.format}, {health.sample_rate} Hz"
        self.draw.text((12, 8), f"{title}    {'    '.join(sides)}", fill=_INK, font=self.large)
        at = 12
        for colour, name in (*(_OF_BOTH if self.mixed else _OF_PARTIES), _OF_NOBODY):
            self.draw.rectangle((at, 38, at + 14, 50), fill=colour)
            self.draw.text((at + 20, 37), name, fill=_INK, font=self.small)
            at += 48 + int(self.draw.textlength(name, font=self.small))
        reasons = sorted({reason for _, reason in health.refused})
        self.draw.text(
            (12, 58), "; ".join((*reasons, *health.notes))[:200], fill=_INTERRUPTION, font=self.small
        )

    def row(self, row: int) -> None:
        start = row * self.row_secs
        top = _TOP_PX + row * _row_px()
        agent, caller = top + 14, top + 14 + _LANE_PX + _GAP_PX
        self._clock(start, top, caller + _LANE_PX)
        for lane, name in ((agent, "both"),) if self.mixed else ((agent, "agent"), (caller, "caller")):
            self.draw.text((12, lane + _LANE_PX // 2 - 7), name, fill=_INK, font=self.small)
        for silence in self.analysis.silences:
            if silence[1] - silence[0] >= _SHOWN_SILENCE_SECS:
                self._bar(silence, start, agent + _LANE_PX + 2, _GAP_PX - 4, _FAINT)
        for spans, lane, colour in (
            (self.analysis.speech_agent, agent, _AGENT),
            (self.analysis.speech_caller, caller, _CALLER),
            (self.analysis.speech_both, agent, _BOTH),
        ):
            for span in spans:
                self._bar(span, start, lane, _LANE_PX, colour)
        self._events(start, agent, caller)

    def _events(self, start: float, agent: int, caller: int) -> None:
        middle = agent + _LANE_PX
        for backchannel in self.analysis.backchannels:
            lane = agent if backchannel.by == "agent" else caller
            self._bar((backchannel.start, backchannel.end), start, lane, _LANE_PX, _BACKCHANNEL)
        for item in self.analysis.interruptions:
            overlap = (item.start, item.start + item.overlap_ms / 1000)
            self._bar(overlap, start, middle, 7, _INTERRUPTION)
            stop = "kept on" if item.stop_ms is None else f"{item.stop_ms:.0f}"
            self._text(item.start, start, middle + 8, f"{item.by} {stop}", _INTERRUPTION)
        for latency in self.analysis.latencies:
            y = caller - 5
            self._bar((latency.caller_end, latency.agent_start), start, y, 5, _LATENCY)
            mark = "" if latency.confidence >= 0.8 else "?"
            self._text(latency.caller_end, start, y - 14, f"{latency.latency_ms:.0f}{mark}", _LATENCY)

    def _clock(self, start: float, top: int, bottom: int) -> None:
        step = 5 if self.row_secs <= 60 else max(int(self.row_secs / 6), 1)
        tick = 0
        while tick < self.row_secs:
            x = _LABEL_PX + int(tick / self.row_secs * _WIDTH_PX)
            self.draw.line((x, top + 12, x, bottom), fill=_FAINT)
            seconds = int(start + tick)
            self.draw.text(
                (x + 2, top - 4), f"{seconds // 60}:{seconds % 60:02d}", fill=_INK, font=self.small
            )
            tick += step

    def _bar(self, span: Span, start: float, y: int, height: int, colour: tuple[int, int, int]) -> None:
        low, high = max(span[0] - start, 0.0), min(span[1] - start, self.row_secs)
        if high > low:
            left = _LABEL_PX + low / self.row_secs * _WIDTH_PX
            right = max(_LABEL_PX + high / self.row_secs * _WIDTH_PX, left + 1)
            self.draw.rectangle((int(left), y, int(right), y + height), fill=colour)

    def _text(self, at: float, start: float, y: int, text: str, colour: tuple[int, int, int]) -> None:
        if start <= at < start + self.row_secs:
            x = _LABEL_PX + int((at - start) / self.row_secs * _WIDTH_PX)
            self.draw.text((x, y), text, fill=colour, font=self.small)
