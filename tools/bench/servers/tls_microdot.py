# microdot over TLS: / is 3 bytes, all else comes from the folder ROOT with send_file.

import os
import ssl

from microdot import Microdot, send_file

app = Microdot()
root = os.getenv("ROOT")


@app.get("/")
async def index(request):
    return "hi\n"


@app.get("/<path:path>")
async def static(request, path):
    if ".." in path:
        return "", 404
    return send_file(root + "/" + path)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.getenv("CERT"), os.getenv("KEY"))
app.run(host="127.0.0.1", port=int(os.getenv("PORT")), ssl=context)
