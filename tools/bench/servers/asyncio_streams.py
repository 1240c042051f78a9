# A server on asyncio's streams, without a framework: a readline for each header, the same dict of headers as in bare.py,
# kept alive. start_server has its defaults (backlog 5). It runs on CPython too. With CERT and KEY it speaks TLS.

import asyncio
import json
import os

from control import CONTROL, FACTS, TEXT10K, TEXT100K, control

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


async def serve(reader, writer):
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            method, target, version = line.split(b" ")
            headers = {}
            while True:
                line = await reader.readline()
                if line == b"\r\n" or not line:
                    break
                name, value = line.split(b":", 1)
                headers[name.lower()] = value.strip()
            path = target.split(b"?", 1)[0]
            if path == b"/":
                writer.write(HI)
            elif path == b"/json":
                body = json.dumps(FACTS).encode()
                writer.write(HEAD % len(body) + body)
            elif path == b"/10k":
                writer.write(HEAD % len(TEXT10K) + TEXT10K)
            elif path == b"/100k":
                writer.write(HEAD % len(TEXT100K) + TEXT100K)
            elif path == b"/upload":
                size = left = int(headers[b"content-length"])
                while left:
                    left -= len(await reader.read(min(left, 4096)))
                body = b"%d\n" % size
                writer.write(HEAD % len(body) + body)
            elif path in CONTROL:
                writer.write(control(path))
            await writer.drain()
            if headers.get(b"connection") == b"close":
                break
    except OSError:
        pass
    writer.close()
    await writer.wait_closed()


async def main():
    options = {}
    if os.getenv("CERT"):
        import ssl

        options["ssl"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["ssl"].load_cert_chain(os.getenv("CERT"), os.getenv("KEY"))
    await asyncio.start_server(serve, "127.0.0.1", int(os.getenv("PORT")), **options)
    while True:
        await asyncio.sleep(3600)


asyncio.run(main())
