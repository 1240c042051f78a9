# A server by hand on asyncio's streams: a readline for each header, the same dict of headers, kept alive. start_server
# with its defaults (backlog 5).

import asyncio
import os

from control import CONTROL, control

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"


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
            writer.write(control(target) if target in CONTROL else HI)
            await writer.drain()
            if headers.get(b"connection") == b"close":
                break
    except OSError:
        pass
    writer.close()
    await writer.wait_closed()


async def main():
    await asyncio.start_server(serve, "127.0.0.1", int(os.getenv("PORT")))
    while True:
        await asyncio.sleep(3600)


asyncio.run(main())
