"""Clients for language models, and the scripted judge."""
