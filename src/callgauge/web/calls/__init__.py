"""The list of calls, and a call."""
