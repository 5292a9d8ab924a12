"""Benchmarks: galleries whose right answers are known, to say how good the neighbours are."""
