"""Callgauge: evaluation and re-evaluation of voice AI calls."""
