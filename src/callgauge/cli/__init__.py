"""The command line: one door for people."""
