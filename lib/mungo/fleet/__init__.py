# A fleet: boards that do jobs for each other, through an MQTT 5.0 broker. docs/fleet-protocol.md has what they say.
#
#   fleet.py        the Fleet, what programs call; presence.py: who is there
#   submitter.py    a job that is submitted, until its on_done is called; loads with the first one
#   worker.py       a job that has come, until it is answered; loads with the first `fleet.job`
#   pieces.py       what is too large for one message
#   answers.py      the fleet as JSON, for an App


def __getattr__(name) -> "Any":  # noqa: F821  # pyright: ignore
    if name == "Fleet":
        from .fleet import Fleet

        return Fleet
    if name == "JobFailed":
        from .submitter import JobFailed

        return JobFailed
    raise AttributeError(name)
