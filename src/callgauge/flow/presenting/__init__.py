"""Calls and results in the wire's words: what the API answers with, and what webhooks send."""
