"""The fleet's trial: see trial.py."""
