"""The benchmarks: see run.py."""
