"""The pages of human review: the queue, agreement, golden sets, proposals."""
