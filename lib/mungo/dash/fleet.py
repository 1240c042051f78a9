# The boards of a fleet on a page of their own, and their updates.


def add(dash, fleet):
    """Show the boards of `fleet`, see `Dash.fleet`."""
    before = dash.now_page, dash.now_group
    dash.page("Fleet")
    fleet.watch()
    shown = []
    rollouts = []  # the last one

    @dash.metric("Boards", every_ms=2000)
    def boards():
        known = fleet.boards
        states = rollouts[0].states if rollouts else {}
        rows = [row(name, known.get(name, {}), states.get(name)) for name in sorted(set(known) | set(states))]
        if rows != shown:
            shown[:] = rows
            table.changed()
        return len(known)

    @dash.action(
        "Update the boards",
        level="admin",
        confirm=True,
        fields=[dash.field("url", "", label="URL of the bundle", length=200), dash.field("version", 1, min=1)],
    )
    def update(job):
        from ..fleet.rollout import Rollout

        if rollouts and not rollouts[0].is_over:
            raise ValueError("an update is under way")
        rollouts[:] = [Rollout(fleet, job.values["url"], job.values["version"])]

    table = dash.table("The fleet", ["Board", "Jobs", "App", "mungo", "Signal", "Update"], shown)
    dash.now_page, dash.now_group = before


def row(name, about, state):
    """A board as a row of the table."""
    jobs = about.get("jobs", {})
    told = ["%s %d of %d" % (one, jobs[one][1], jobs[one][0]) for one in sorted(jobs) if one[:7] != "update-"]
    return [name, ", ".join(told), about.get("app"), about.get("mungo"), about.get("signal"), state]
