# microdot serves the folder ROOT with send_file.

import os

from microdot import Microdot, send_file

app = Microdot()
root = os.getenv("ROOT")


@app.get("/<path:path>")
async def static(request, path):
    if ".." in path:
        return "", 404
    return send_file(root + "/" + path)


app.run(host="127.0.0.1", port=int(os.getenv("PORT")))
