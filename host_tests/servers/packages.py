"""Serves this tree's files, for mip: what a server of packages is."""
import mungo
import settings

app = mungo.App()


@app.get("/<path:name>")
def file(req, name):
    if ".." in name or not name.endswith((".json", ".py", ".mpy")):
        return None, 404
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return None, 404


app.run(settings.HOST, settings.PORT)
