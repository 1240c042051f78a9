"""Rules for mosquitto that keep the boards of a fleet apart, see docs/fleet.md.

    .venv/bin/python tools/fleet_acl.py SITE [NAME[=JOB,JOB ..] ..] [--show NAME ..] > /etc/mosquitto/SITE.acl

SITE alone: every client that the broker has let in takes part, under its user name. With names, only these do: a board does the jobs after
its name, `*` for all, and may submit any. A NAME of --show sees who is present, and does no more: a dashboard. With client certificates a
client's user name is its certificate's common name, so nobody needs a password, and nobody can take another one's name.

What the rules grant a board NAME:

    publish     SITE/job/+    SITE/present/NAME    SITE/board/+/+/NAME    into anybody's inbox, with its own name at the end
    be sent     SITE/job/JOB  SITE/present/+       SITE/board/NAME/#      its own inbox

mosquitto checks what it sends, not what clients subscribe to. So a client that may not do a job could still join the share and have jobs
vanish: give certificates to none whom you don't trust that far.
"""

import argparse
import re
import sys

NAME = r"[A-Za-z0-9._-]{1,64}"
CONFIGURATION = """\
# The rules of the fleet {site!r}, by tools/fleet_acl.py. Lines for mosquitto.conf:
#   listener 8883
#   cafile ca.pem
#   certfile broker.cert.pem
#   keyfile broker.key.pem
#   require_certificate true
#   use_identity_as_username true
#   allow_anonymous false
#   acl_file THIS_FILE
"""


def checked(word, what):
    if not re.fullmatch(NAME, word):
        raise SystemExit(f"{what} {word!r}: want 1 to 64 of A-Z a-z 0-9 . _ -")
    return word


def board_rules(site, name, jobs, kind):
    """The lines for one board, or for each ("%u" of a pattern): `kind` is "topic" or "pattern"."""
    yield f"{kind} write {site}/job/+"
    for job in jobs:
        yield f"{kind} read {site}/job/{job}"
    yield f"{kind} write {site}/present/{name}"
    yield f"{kind} read {site}/present/+"
    yield f"{kind} write {site}/board/+/+/{name}"
    yield f"{kind} read {site}/board/{name}/#"


def rules(site, boards=None, shows=()):
    """The text of an ACL file. `boards`: {name: jobs, or ["*"]}; None: any user."""
    lines = [CONFIGURATION.format(site=site)]
    if boards is None:
        lines += board_rules(site, "%u", ["+"], "pattern")
    for name, jobs in (boards or {}).items():
        lines += ["", f"user {name}", *board_rules(site, name, ["+" if job == "*" else job for job in jobs], "topic")]
    for name in shows:
        lines += ["", f"user {name}", f"topic read {site}/present/+"]
    return "\n".join(lines) + "\n"


def board(word):
    """(name, jobs) of NAME=JOB,JOB."""
    name, _, jobs = word.partition("=")
    found = [job if job == "*" else checked(job, "job") for job in jobs.split(",") if job]
    return checked(name, "board"), found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site")
    parser.add_argument("boards", nargs="*", metavar="NAME[=JOB,JOB]")
    parser.add_argument("--show", action="append", default=[], metavar="NAME")
    given = parser.parse_args(argv)
    boards = dict(map(board, given.boards)) if given.boards else None
    shows = [checked(name, "--show") for name in given.show]
    sys.stdout.write(rules(checked(given.site, "site"), boards, shows))


if __name__ == "__main__":
    main()
