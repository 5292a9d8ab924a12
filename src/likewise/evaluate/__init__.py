"""How good a model is: figures on a benchmark with their intervals, and the comparison of two models query by query."""

from likewise.evaluate.comparing import Comparison, Difference, compare
from likewise.evaluate.intervals import Interval
from likewise.evaluate.measures import METRICS
from likewise.evaluate.results import Estimate, Ranked, Result, Side, TopHit
from likewise.evaluate.running import evaluate

__all__ = [
    "METRICS",
    "Comparison",
    "Difference",
    "Estimate",
    "Interval",
    "Ranked",
    "Result",
    "Side",
    "TopHit",
    "compare",
    "evaluate",
]
