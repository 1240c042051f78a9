"""The soak test: see run.py."""
