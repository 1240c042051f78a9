# What `fleet.show` answers: the fleet as JSON.


def show(fleet):
    """The boards that are there, and this board's counters."""
    return {"site": fleet.site, "name": fleet.name, "boot": fleet.boot, "boards": fleet.boards, "stats": fleet.stats}
