"""An application for tests: says which it is, what it was asked, and takes websockets."""

import asyncio
import json
import os
import sys

name, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]


async def answer(writer, body, kind="text/plain"):
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split(" ")[1]
            headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in head[1:] if ": " in line)}
            await reader.readexactly(int(headers.get("content-length", 0)))
            if headers.get("transfer-encoding") == "chunked":
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    await reader.readexactly(size + 2)
                await reader.readexactly(2)
            if headers.get("upgrade") == "websocket":
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
                while data := await reader.read(4096):
                    writer.write(name.encode() + b":" + data)
                    await writer.drain()
                return
            if path == "/long":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"a" * 1000000)
                await writer.drain()
                while not os.path.exists(folder + "/go"):
                    await asyncio.sleep(0.02)
                writer.write(b"b" * 1000000)
                await writer.drain()
            elif path == "/asked":
                await answer(writer, json.dumps(headers).encode(), "application/json")
            else:
                await answer(writer, name.encode())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
