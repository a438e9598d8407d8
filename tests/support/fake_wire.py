"""The wire of the fake provider: one connection, the requests read from it, and a reply written byte by byte.

A reply is written as its script (fake_provider.py names the words) says: framing, pace, and where it ends.
"""

import asyncio
import hashlib
import socket
import struct
import time
from dataclasses import dataclass, field

BAD_HEADS = {
    "te-cl": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "cl-te": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "cl-cl": b"Content-Length: 2\r\nContent-Length: 2\r\n",
    "cl-list": b"Content-Length: 2, 2\r\n",
    "xchunked": b"Transfer-Encoding: xchunked\r\n",
    "fold": b"Content-Length: 2\r\nX-Folded: a\r\n b\r\n",
    "bare-lf": b"Content-Length: 2\nX-Bare: a\r\n",
}
PASSED_BACK = b"Retry-After: 3\r\nX-RateLimit-Limit-Requests: 10\r\nOpenAI-Processing-Ms: 12\r\nRequest-Id: req_fake\r\n"
NEVER_BACK = (
    b"Set-Cookie: secret=1\r\nSet-Cookie: other=2\r\nOpenAI-Model: inner\r\nAlt-Svc: h3=\":443\"\r\n"
    b"Strict-Transport-Security: max-age=1\r\nServer: fake/1\r\nKeep-Alive: timeout=9\r\n"
    b"Connection: x-inner\r\nX-Inner: 1\r\nX-Maestro-Inner: 1\r\n"
)


@dataclass
class Exchange:
    """One request as it came and what became of it. Times are time.monotonic()."""

    number: int
    connection: int
    method: str
    target: str
    version: str
    headers: list
    body: bytes
    received_at: float
    head: bytes = b""
    fake: dict = field(default_factory=dict)
    reply_body: bytes = b""  # what was written of the body, without its framing
    finished_at: float = 0.0  # the whole reply is written
    closed_at: float = 0.0  # the other side went away before that
    tls_resumed: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def closed_early(self) -> bool:
        return self.closed_at != 0.0

    def header(self, name: str):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def as_json(self) -> dict:
        out = {k: getattr(self, k) for k in ("number", "connection", "method", "target", "version", "headers", "fake",
                                             "received_at", "finished_at", "closed_at", "sha256", "closed_early")}
        return out | {"body": self.body.decode("utf-8", "replace")}


class Cut(Exception):
    """The script asks for the end of this connection."""


def parse_script(text: str) -> dict:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): value for name, _, value in pairs}


class Connection(asyncio.Protocol):
    """One client connection: reads requests one after the other and answers each before the next."""

    def __init__(self, provider):
        self.provider = provider
        self.buffer = bytearray()
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self.exchange = None
        self.dies_next = False

    def connection_made(self, transport):
        self.transport = transport
        self.number = self.provider.opened(self)
        self.task = asyncio.get_running_loop().create_task(self.serve())

    def data_received(self, data):
        self.buffer += data
        self.arrived.set()

    def eof_received(self):
        self.leave()

    def connection_lost(self, error):
        self.leave()
        self.provider.closed(self)

    def leave(self):
        if not self.gone.is_set() and self.exchange and not self.exchange.finished_at:
            self.exchange.closed_at = time.monotonic()
        self.gone.set()
        self.arrived.set()
        self.provider.changed()

    async def more(self):
        self.arrived.clear()
        if self.gone.is_set():
            raise Cut
        await self.arrived.wait()

    async def take_until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            await self.more()
        out = bytes(self.buffer[: at + len(mark)])
        del self.buffer[: at + len(mark)]
        return out

    async def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            await self.more()
        out = bytes(self.buffer[:count])
        del self.buffer[:count]
        return out

    async def serve(self):
        try:
            while True:
                exchange = await self.read_request()
                self.exchange = exchange
                await self.provider.answer(self, exchange)
                exchange.finished_at = time.monotonic()
                self.provider.changed()
                if exchange.version == "HTTP/1.0" or (exchange.header("connection") or "").lower() == "close":
                    break
        except Cut:
            pass
        finally:
            self.transport.close()

    async def read_request(self) -> Exchange:
        head = await self.take_until(b"\r\n\r\n")
        lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, version = lines[0].split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        fields = {key.lower(): value for key, value in headers}
        if fields.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if fields.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await self.take_until(b"\r\n")).split(b";")[0], 16):
                body += await self.take(size)
                await self.take(2)
            while await self.take_until(b"\r\n") != b"\r\n":
                pass
        elif "content-length" in fields:
            body = await self.take(int(fields["content-length"]))
        return self.provider.record(self, head, method, target, version, headers, body)

    async def write(self, data: bytes):
        if self.gone.is_set() or self.transport.is_closing():
            raise Cut
        self.transport.write(data)
        while self.transport.get_write_buffer_size() > 1 << 20 and not self.gone.is_set():
            await asyncio.sleep(0.001)

    async def pause(self, seconds: float):
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except asyncio.TimeoutError:
            return
        raise Cut

    async def flush(self):
        while self.transport.get_write_buffer_size() and not self.gone.is_set():
            await asyncio.sleep(0.001)

    def reset(self):
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Writer:
    """Writes one reply as its script says: framing, pace, and where it ends."""

    def __init__(self, connection: Connection, exchange: Exchange):
        self.connection = connection
        self.exchange = exchange
        self.fake = exchange.fake
        self.written = 0
        self.chunked = False

    async def send(self, data: bytes):
        step = int(self.fake.get("chunk", 0))
        if not step:
            return await self.connection.write(data)
        for at in range(0, len(data), step):
            await self.connection.write(data[at : at + step])
            await asyncio.sleep(0)

    async def head(self, status: int, content_type: str, length, extra: bytes = b""):
        fake = self.fake
        if "stall-head" in fake:
            await self.connection.pause(float(fake["stall-head"]))
        if "close-first" in fake:
            raise Cut
        if "malformed-head" in fake:
            await self.connection.write(b"HTTP/1.1 banana split\r\nno colon here\r\n\r\n")
            raise Cut
        if "head" in fake:
            await self.connection.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + BAD_HEADS[fake["head"]] + b"\r\n{}")
            await self.connection.pause(30)
        if "interim" in fake:
            await self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        until_close = "http10" in fake or "close-delimited" in fake
        self.chunked = length is None and not until_close
        lines = f"{'HTTP/1.0' if 'http10' in fake else 'HTTP/1.1'} {status} Fake\r\nContent-Type: {content_type}\r\n".encode()
        if self.chunked:
            lines += b"Transfer-Encoding: chunked\r\n"
        elif length is not None and not until_close:
            lines += b"Content-Length: %d\r\n" % length
        if "set-cookie" in fake:
            lines += PASSED_BACK + NEVER_BACK
        if "huge-head" in fake:
            lines += b"X-Huge: " + b"h" * (int(fake["huge-head"]) * 1024) + b"\r\n"
        lines += extra + b"\r\n"
        if "cut-head" in fake:
            await self.connection.write(lines[: len(lines) // 2])
            raise Cut
        await self.send(lines)

    async def body(self, data: bytes):
        for name in ("cut", "reset"):
            if name in self.fake and self.written + len(data) >= int(self.fake[name]):
                part = data[: int(self.fake[name]) - self.written]
                await self.framed(part)
                await self.connection.flush()
                if name == "reset":
                    self.connection.reset()
                raise Cut
        await self.framed(data)

    async def framed(self, data: bytes):
        self.written += len(data)
        self.exchange.reply_body += data
        if data:
            await self.send(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    async def end(self):
        if self.chunked:
            await self.send(b"0\r\nX-Trailer: 1\r\n\r\n" if "trailers" in self.fake else b"0\r\n\r\n")
        elif "http10" in self.fake or "close-delimited" in self.fake:
            await self.connection.flush()
            raise Cut
