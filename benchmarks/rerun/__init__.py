"""The rerun path, measured from outside."""
