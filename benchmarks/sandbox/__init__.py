"""How many Python metrics run in a second, beside a bare `exec`."""
