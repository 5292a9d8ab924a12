"""How good a model is: figures on a benchmark with their intervals, and the comparison of two models query by query."""

from likewise.evaluate.comparing import Comparison, Difference, compare
from likewise.evaluate.compressing import Cost, costs
from likewise.evaluate.intervals import Interval
from likewise.evaluate.measures import METRICS
from likewise.evaluate.results import Estimate, Ranked, Result, Side, TopHit
from likewise.evaluate.running import evaluate, evaluate_kept

__all__ = [
    "METRICS",
    "Comparison",
    "Cost",
    "Difference",
    "Estimate",
    "Interval",
    "Ranked",
    "Result",
    "Side",
    "TopHit",
    "compare",
    "costs",
    "evaluate",
    "evaluate_kept",
]
