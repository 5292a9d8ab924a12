"""Benchmarks: galleries whose right answers are known, to say how good the neighbours are."""

from likewise.benchmarks.types import Benchmark, Classes, Facts, Lists, Truth

__all__ = ["Benchmark", "Classes", "Facts", "Lists", "Truth"]
