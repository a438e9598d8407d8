"""Two tiny outbound proxies on loopback, for tests: HTTP CONNECT and SOCKS5. Each records what it was asked to reach.

A proxy always connects to `target`, whatever name was asked for, so that names which exist nowhere can be used.
"""

import asyncio
import base64
import struct
import threading


class Proxy:
    """Runs in a thread of its own. `credentials`, when given as (user, password), are demanded."""

    def __init__(self, target, credentials=None, refuses=False):
        self.target = target
        self.credentials = credentials
        self.refuses = refuses
        self.asked = []  # (host, port) in order
        self.port = 0
        self.ready = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)

    async def run(self):
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        server = await asyncio.start_server(self.guarded, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopping.wait()
        server.close()

    async def guarded(self, reader, writer):
        try:
            if await self.greet(reader, writer):
                await self.tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def tunnel(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(*self.target)

        async def copy(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            finally:
                sink.close()

        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


class ConnectProxy(Proxy):
    """Also takes requests in absolute form (plain HTTP): it rewrites the target and passes the rest on."""

    async def greet(self, reader, writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.head = head
        method, target, _ = head.split("\r\n")[0].split(" ")
        if self.credentials:
            wanted = "basic " + base64.b64encode(":".join(self.credentials).encode()).decode()
            if f"proxy-authorization: {wanted}".lower() not in head.lower():
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
                return False
        if method != "CONNECT":
            address = target.split("://", 1)[1].split("/", 1)[0]
            self.asked.append((address.rpartition(":")[0] or address, int(address.rpartition(":")[2] or 80)))
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            # One request a connection: the next one would have to be rewritten as well.
            head = head.replace(target, "/" + target.split("://", 1)[1].split("/", 1)[1], 1)
            far_writer.write((head[:-2] + "Connection: close\r\n\r\n").encode("latin-1"))

            async def copy(source, sink):
                while data := await source.read(65536):
                    sink.write(data)
                sink.close()

            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
            return False
        host, _, port = target.rpartition(":")
        self.asked.append((host, int(port)))
        if self.refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return False
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return True


class SocksProxy(Proxy):
    async def greet(self, reader, writer) -> bool:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if version != 5:
            return False
        if self.credentials:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return False
            writer.write(b"\x05\x02")
            _, length = await reader.readexactly(2)
            user = (await reader.readexactly(length)).decode()
            (length,) = await reader.readexactly(1)
            password = (await reader.readexactly(length)).decode()
            good = (user, password) == tuple(self.credentials)
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return False
        else:
            writer.write(b"\x05\x00")
        _, command, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(str(b) for b in await reader.readexactly(4))
        elif kind == 3:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        else:
            host = (await reader.readexactly(16)).hex()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        self.asked.append((host, port))
        if self.refuses or command != 1:
            writer.write(b"\x05\x02\x00\x01\0\0\0\0\0\0")
            return False
        writer.write(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        return True
