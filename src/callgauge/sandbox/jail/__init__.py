"""The inside of the locked CPython backend: runs in a process of its own, never in the server.

These modules are imported by an interpreter started with `-I -S`, so they use the standard library and
each other (relative imports) and nothing else.
"""
