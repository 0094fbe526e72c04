"""Tabs at the head of a page that has several parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    words: str
    address: str
    active: bool
