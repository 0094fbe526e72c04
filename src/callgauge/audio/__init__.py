"""From a stereo recording to numbers: who spoke when, how fast the agent answered, who broke in on whom."""

from __future__ import annotations

from .analysis import ANALYSIS_VERSION, SURE, Analysis, Health
from .clip import CLIP_CODEC
from .errors import AudioError
from .events import Party
from .pipeline import analyse
from .render import render_png
from .stored import read_analysis

__all__ = [
    "ANALYSIS_VERSION",
    "CLIP_CODEC",
    "SURE",
    "Analysis",
    "AudioError",
    "Health",
    "Party",
    "analyse",
    "read_analysis",
    "render_png",
]
