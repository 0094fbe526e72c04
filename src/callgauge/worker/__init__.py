"""The hands: the executor that works through chunks."""
