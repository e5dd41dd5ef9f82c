"""Ratios against peers, each taken in one run; `python -m benchmarks.run` takes them all."""
