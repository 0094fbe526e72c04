"""`python -m callgauge.cli`: the command line without its script on the PATH."""

from callgauge.cli import main

main(prog_name="callgauge")
