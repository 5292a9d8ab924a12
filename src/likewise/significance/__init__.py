"""Honest scores: how high do pictures score that have nothing to do with each other? docs/significance.md has the whole account."""

from likewise.significance.null import Null
from likewise.significance.sampling import FEWEST, fitted

__all__ = ["FEWEST", "Null", "fitted"]
