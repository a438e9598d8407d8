"""An HTTP client that can send any bytes and reads replies piece by piece, strictly: what it reads must be framed well."""

import json
import socket
import ssl
import time
from dataclasses import dataclass, field

PIECE_BYTES = 1 << 16


class Closed(Exception):
    """The other side closed before a whole reply was read; `seen` holds what came."""

    def __init__(self, seen: bytes):
        super().__init__(f"closed after {seen[:200]!r}")
        self.seen = seen


@dataclass
class Reply:
    status: int
    version: str
    headers: list
    raw_head: bytes
    body: bytes = b""
    interim: list = field(default_factory=list)  # the 1xx heads before it
    trailers: bytes = b""
    complete: bool = True  # False: the connection ended inside the body

    def all(self, name: str) -> list:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str):
        values = self.all(name)
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self) -> list:
        return events_of(self.body)

    @property
    def data(self) -> list:
        """The data of each event, in order, comments left out."""
        return [event.data for event in self.events if event.data is not None]


@dataclass
class Event:
    raw: bytes
    data: str = None  # None for a comment alone

    @property
    def json(self):
        return json.loads(self.data)


def events_of(body: bytes) -> list:
    out = []
    text = body.replace(b"\r\n", b"\n")
    for block in text.split(b"\n\n"):
        if not block:
            continue
        lines = [line.split(b":", 1)[1].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        out.append(Event(block, b"\n".join(lines).decode() if lines else None))
    return out


class Wire:
    """One connection."""

    def __init__(self, port: int, host="127.0.0.1", timeout=10.0, tls: ssl.SSLContext = None):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.timeout = timeout
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data: bytes):
        self.sock.sendall(data)

    def fill(self):
        self.sock.settimeout(self.timeout)
        try:
            piece = self.sock.recv(PIECE_BYTES)
        except ConnectionError:
            piece = b""
        if not piece:
            raise Closed(self.buffer)
        self.buffer += piece

    def take_until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            self.fill()
        out, self.buffer = self.buffer[: at + len(mark)], self.buffer[at + len(mark) :]
        return out

    def take(self, count: int) -> bytes:
        pieces, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < count:
            self.fill()
            pieces.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        whole = b"".join(pieces)
        self.buffer = whole[count:]
        return whole[:count]

    def read_head(self) -> Reply:
        """The next final head; 1xx heads before it are kept in `interim`."""
        interim = []
        while True:
            raw = self.take_until(b"\r\n\r\n")
            lines = raw[:-4].decode("latin-1").split("\r\n")
            version, status, _ = (lines[0] + " ").split(" ", 2)
            headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
            if int(status) >= 200 or int(status) == 101:
                return Reply(int(status), version, headers, raw, interim=interim)
            interim.append(raw)

    def pieces(self, reply: Reply, method="GET"):
        """The body as it arrives, without its framing. `reply.complete` is False when the connection ended inside it."""
        if method == "HEAD" or reply.status in (204, 304):
            return
        coding, length = reply.header("transfer-encoding"), reply.header("content-length")
        try:
            if coding is not None:
                assert coding == "chunked" and length is None, reply.headers
                while size := int(self.take_until(b"\r\n").split(b";")[0], 16):
                    piece = self.take(size + 2)
                    assert piece.endswith(b"\r\n"), piece[-20:]
                    yield piece[:-2]
                while (line := self.take_until(b"\r\n")) != b"\r\n":
                    reply.trailers += line
            elif length is not None:
                left = int(length)
                while left:
                    if not self.buffer:
                        self.fill()
                    piece, self.buffer = self.buffer[:left], self.buffer[left:]
                    left -= len(piece)
                    yield piece
            else:
                yield from self.until_closed()
        except Closed as closed:
            reply.complete = False
            self.buffer = b""
            if closed.seen and coding is None:
                yield closed.seen

    def until_closed(self):
        while True:
            piece, self.buffer = self.buffer, b""
            if piece:
                yield piece
            try:
                self.fill()
            except Closed:
                return

    def read_reply(self, method="GET") -> Reply:
        reply = self.read_head()
        reply.body = b"".join(self.pieces(reply, method))
        return reply

    def is_closed_within(self, seconds: float) -> bool:
        """True when the other side closes (or resets) within this time, whatever it still sends before."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                if not self.sock.recv(PIECE_BYTES):
                    return True
            except TimeoutError:
                return False
            except ConnectionError:
                return True
        return False


def request_bytes(method: str, target: str, headers: dict, body: bytes = None, host="127.0.0.1") -> bytes:
    """One request, framed by Content-Length when it has a body. A header whose value is a list is sent once for each."""
    lines = [f"{method} {target} HTTP/1.1"]
    if not any(name.lower() == "host" for name in headers):
        lines.append(f"Host: {host}")
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append(f"{name}: {value}")
    if body is not None and not any(name.lower() in ("content-length", "transfer-encoding") for name in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")


def chunked(body: bytes, sizes=(1, 7, 4096)) -> bytes:
    """A body in chunks of the given sizes in turn."""
    out, at, turn = [], 0, 0
    while at < len(body):
        piece = body[at : at + sizes[turn % len(sizes)]]
        out.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at, turn = at + len(piece), turn + 1
    return b"".join(out) + b"0\r\n\r\n"
