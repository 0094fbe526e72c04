"""The verbs: the only layer that writes rows, and the only one that joins store and engine."""
