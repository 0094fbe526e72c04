"""Scoring: turns a metric version and a call into an outcome; knows no Django."""
