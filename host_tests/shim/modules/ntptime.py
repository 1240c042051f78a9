"""MicroPython's `ntptime`, for which no clock is set: `answers` says what becomes of each try, errors to raise or None."""

host = "pool.ntp.org"
timeout = 1

answers = []
asked = []  # the hosts


def settime():
    asked.append(host)
    answer = answers.pop(0) if answers else None
    if answer is not None:
        raise answer
