"""Sample calls of three agents, with metrics, a rubric, and a scripted judge that knows their answers."""
