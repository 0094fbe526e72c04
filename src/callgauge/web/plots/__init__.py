"""Small plots as SVG, drawn on the server: with n, with the numbers as a table, with a link to them as CSV.

    line_plot(...)   a line over time, with a band, and marks where a version changed
    bar_plot(...)    bars from zero
    sparkline(...)   a line without axes, for a row of a table

Each gives a `Plot`, which `web/fragments/plot.html` shows.
"""

from callgauge.web.plots.bars import bar_plot
from callgauge.web.plots.lines import Point, VersionMark, line_plot, sparkline
from callgauge.web.plots.plot import Plot

__all__ = ["Plot", "Point", "VersionMark", "bar_plot", "line_plot", "sparkline"]
