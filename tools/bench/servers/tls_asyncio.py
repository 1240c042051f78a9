# asyncio_streams.py over TLS: / alone, kept alive.

import asyncio
import os
import ssl

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
            writer.write(HI)
            await writer.drain()
            if headers.get(b"connection") == b"close":
                break
    except OSError:
        pass
    writer.close()
    await writer.wait_closed()


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.getenv("CERT"), os.getenv("KEY"))
    await asyncio.start_server(serve, "127.0.0.1", int(os.getenv("PORT")), ssl=context)
    while True:
        await asyncio.sleep(3600)


asyncio.run(main())
