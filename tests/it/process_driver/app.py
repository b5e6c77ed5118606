"""A small HTTP application with the faults the tests ask for: app.py MODE PORT NAME."""
import asyncio
import json
import os
import signal
import subprocess
import sys
import time

MODE, PORT, NAME = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ASKED = 0


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = [line.split(": ", 1) for line in lines if line]
    return first.split(" "), [[name.lower(), value] for name, value in headers]


async def read_body(reader, headers):
    fields = dict(headers)
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    body = b""
    if fields.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return body


def answer(writer, status, body, extra=""):
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{extra}\r\n"
    writer.write(head.encode() + body)


async def serve(reader, writer):
    global ASKED
    try:
        (method, target, _), headers = await read_head(reader)
        path, _, query = target.partition("?")
        ASKED += 1
        if path == "/socket":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            while line := await reader.readline():
                writer.write(NAME.encode() + b" " + line)
                await writer.drain()
            return
        body = await read_body(reader, headers)
        if MODE == "hang":
            await asyncio.sleep(3600)
        elif MODE == "redirect":
            answer(writer, "301 Moved", b"", "location: https://example.org/\r\n")
        elif MODE == "broken" or (MODE == "flap" and ASKED % 2 == 0):
            answer(writer, "500 Oh", b"no such table: notes\x1b[31m\n")
        elif path == "/slow":
            await asyncio.sleep(float(query))
            answer(writer, "200 OK", NAME.encode())
        elif path == "/headers":
            answer(writer, "200 OK", json.dumps(headers).encode())
        elif path == "/echo":
            answer(writer, "200 OK", body)
        elif path == "/env":
            answer(writer, "200 OK", json.dumps(dict(os.environ)).encode())
        elif path == "/stream":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in range(3):
                writer.write(b"5\r\npart%d\r\n" % part)
                await writer.drain()
                await reader.read(1) if query == "wait" else await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")
        elif path == "/crash":
            os._exit(7)
        else:
            answer(writer, "200 OK", NAME.encode())
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    print(f"{NAME} boots as {os.getpid()}", flush=True)
    if MODE == "exit3":
        print("\x1b[31mTraceback:\x1b[0m no module named notes", file=sys.stderr, flush=True)
        sys.exit(3)
    if MODE == "silent":
        await asyncio.sleep(3600)
    if MODE == "slow_boot":
        await asyncio.sleep(1.5)
    if MODE == "ignore_term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif MODE == "graceful":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: sys.exit(0))
    if MODE == "escapes":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", sys.argv[0]], start_new_session=True)
    if MODE == "children":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", sys.argv[0]])
    if MODE == "noisy":
        sys.stdout.write(("x" * 99 + "\n") * 100_000)
        sys.stdout.flush()
    host = "::1" if MODE == "ipv6" else "127.0.0.1"
    server = await asyncio.start_server(serve, host, PORT + 1 if MODE == "wrong_port" else PORT, backlog=1024)
    if MODE == "dies_soon":
        await asyncio.sleep(0.35)
        os._exit(9)
    async with server:
        await server.serve_forever()


asyncio.run(main())
