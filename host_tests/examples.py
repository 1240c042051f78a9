"""How many examples Hypothesis tries of a property: few, and always the same; or as many as EXAMPLES says, at random."""

import os

import hypothesis


def settings(few):
    many = os.environ.get("EXAMPLES")
    return hypothesis.settings(
        max_examples=int(many or few),
        derandomize=not many,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
