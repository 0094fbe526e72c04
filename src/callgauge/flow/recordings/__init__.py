"""Recordings of calls: taken in, kept in a store, linked to, measured, forgotten with their call."""
