"""The pages of reruns: the list with a plan, one rerun under way, and what it changed."""
