"""What numbers can carry: intervals, significance and agreement, correct where there are few cases.

Below `MIN_CASES` cases there is no interval: the counts themselves say all there is to say.
"""

from callgauge.engine.statistics.agreement import (
    F1,
    Accuracy,
    Confusion,
    Kappa,
    KappaChange,
    accuracy,
    f1,
    kappa,
    kappa_change,
)
from callgauge.engine.statistics.interval import LEVEL, MIN_CASES, Interval
from callgauge.engine.statistics.paired import (
    MeanChange,
    PairedTable,
    change_interval,
    holm,
    mcnemar,
    mean_change,
)
from callgauge.engine.statistics.proportions import Proportion, proportion

__all__ = [
    "F1",
    "LEVEL",
    "MIN_CASES",
    "Accuracy",
    "Confusion",
    "Interval",
    "Kappa",
    "KappaChange",
    "MeanChange",
    "PairedTable",
    "Proportion",
    "accuracy",
    "change_interval",
    "f1",
    "holm",
    "kappa",
    "kappa_change",
    "mcnemar",
    "mean_change",
    "proportion",
]
