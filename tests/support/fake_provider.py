#!/usr/bin/env python3
"""A provider that speaks OpenAI Chat on loopback and misbehaves on demand. A program and a class.

It answers `/v1/chat/completions` (whole and streamed) and `/v1/models`, on HTTP or TLS, and writes every byte itself, so
a test controls where a reply is cut, split or wrong. Every request is recorded with its raw bytes.

What it answers is in fake_replies.py, how it is written in fake_wire.py. How it misbehaves is a list `name=value;name;...`, taken from the request header
`x-fake`, or from a queue (`FakeProvider.script(...)`, `POST /__script` with {"path": P, "queue": [...]}); without
either it behaves. Names:
  status=N  message=TEXT  retry-after=S   an error reply (error-html: its body is HTML, error-plain: it is plain text)
  cut=N / reset=N                         after N bytes of the body: an orderly close / a reset
  cut-head  close-first                   closed inside the head / before any byte
  malformed  malformed-first              a bad JSON body; in a stream the second / the first event is bad
  malformed-head                          the head is no HTTP
  head=NAME                               framing that may not be trusted (BAD_HEADS in fake_wire.py)
  huge=MB  huge-head=KB                   a body, or one event, of so many MB; a header of so many KB
  stall-head=S                            silence before the head
  stall-after=N;seconds=S                 silence after N events (whole: N bytes of the body)
  slow=MS                                 a pause before each event
  error-event-first  error-event-mid      an error object as an event of a 200
  ok-with-error-body                      a 200 whose body is an error object, no events
  empty  no-done  no-finish               no body; a stream without [DONE]; one that also lacks the finish
  chunk=N                                 N bytes in a write
  close-delimited  http10  trailers       the body ends by close; HTTP/1.0; trailers after the chunks
  interim                                 1xx heads before the reply
  set-cookie                              headers that a gateway passes back, and ones that it may not
  die-on-reuse                            the next request on this connection is read and gets no answer
  odd                                     unusual but valid bytes in the reply
  text=T  bytes=N  events=N               what the answer holds
"""

import argparse
import asyncio
import collections
import json
import signal
import ssl
import sys
import threading
import time

import fake_replies
from fake_wire import Connection, Cut, Exchange, Writer, parse_script


class FakeProvider:
    """Runs the provider in a thread of its own. Use it as a context manager."""

    def __init__(self, models=("fake-model",), tls: ssl.SSLContext = None, host="127.0.0.1", port=0):
        self.models = list(models)
        self.tls, self.host, self.port = tls, host, port
        self.requests = []
        self.connections_open = 0
        self.connections_total = 0
        self.queues = collections.defaultdict(collections.deque)
        self.live = set()
        self.lock = threading.Condition()
        self.ready = threading.Event()
        self.thread = None

    # The life of the server.

    def start(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()
        if not self.ready.wait(10):
            raise RuntimeError("the fake provider did not start")
        return self

    def stop(self):
        if self.thread and self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.stopping.set)
            self.thread.join(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    async def run(self):
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # clients that leave are the rule here
        self.stopping = asyncio.Event()
        server = await self.loop.create_server(lambda: Connection(self), self.host, self.port, ssl=self.tls, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopping.wait()
        server.close()
        for connection in list(self.live):
            connection.transport.abort()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/v1"

    # What a test asks and says.

    def script(self, *entries: str, path="/v1/chat/completions"):
        with self.lock:
            self.queues[path].extend(entries)

    def chats(self) -> list:
        with self.lock:
            return [e for e in self.requests if e.target.startswith("/v1/chat/completions")]

    def clear(self):
        with self.lock:
            self.requests.clear()
            self.queues.clear()

    def wait_for(self, condition, timeout=5.0):
        """Waits until condition() is true, looking again at every change. Its last value is returned."""
        end = time.monotonic() + timeout
        with self.lock:
            while not (value := condition()) and time.monotonic() < end:
                self.lock.wait(min(0.05, max(0.001, end - time.monotonic())))
        return value

    # What the connections tell.

    def changed(self):
        with self.lock:
            self.lock.notify_all()

    def opened(self, connection) -> int:
        with self.lock:
            self.live.add(connection)
            self.connections_open += 1
            self.connections_total += 1
            self.lock.notify_all()
            return self.connections_total

    def closed(self, connection):
        with self.lock:
            self.live.discard(connection)
            self.connections_open -= 1
            self.lock.notify_all()

    def record(self, connection, head, method, target, version, headers, body) -> Exchange:
        with self.lock:
            exchange = Exchange(len(self.requests) + 1, connection.number, method, target, version, headers, body,
                                time.monotonic(), head)
            queue = self.queues[target.split("?")[0]]
            script = exchange.header("x-fake") or (queue.popleft() if queue else "")
            exchange.fake = parse_script(script)
            tls = connection.transport.get_extra_info("ssl_object")
            exchange.tls_resumed = bool(tls and tls.session_reused)
            if not target.startswith("/__"):
                self.requests.append(exchange)
            self.lock.notify_all()
            return exchange

    # The answers.

    async def answer(self, connection, exchange):
        if connection.dies_next:
            raise Cut
        connection.dies_next = "die-on-reuse" in exchange.fake
        writer = Writer(connection, exchange)
        path = exchange.target.split("?")[0]
        if path.startswith("/__"):
            return await self.answer_control(writer, exchange, path)
        if path == "/v1/models" and "status" not in exchange.fake:
            body = b"{oops" if "malformed" in exchange.fake else fake_replies.model_list(self.models)
            await writer.head(200, "application/json", len(body))
            await writer.body(body)
        elif "status" in exchange.fake or path != "/v1/chat/completions":
            await self.answer_error(writer, exchange)
        else:
            await self.answer_chat(writer, exchange)
        await writer.end()

    async def answer_control(self, writer, exchange, path):
        if path == "/__script":
            asked = json.loads(exchange.body)
            self.script(*asked["queue"], path=asked.get("path", "/v1/chat/completions"))
        elif path == "/__reset":
            self.clear()
        with self.lock:
            out = {"requests": [e.as_json() for e in self.requests], "connections_open": self.connections_open,
                   "connections_total": self.connections_total}
        body = json.dumps(out).encode()
        await writer.head(200, "application/json", len(body))
        await writer.body(body)

    async def answer_error(self, writer, exchange):
        fake = exchange.fake
        status = int(fake.get("status", 404))
        body = fake_replies.error_body(status, fake.get("message", f"the fake provider says {status}"))
        kind = "application/json"
        if "error-html" in fake:
            body, kind = b"<html><body><h1>Bad things</h1></body></html>", "text/html"
        elif "error-plain" in fake:
            body, kind = b"plain trouble\n", "text/plain"
        extra = b""
        if "retry-after" in fake:
            extra += f"Retry-After: {fake['retry-after']}\r\n".encode()
        if "location" in fake:
            extra += f"Location: {fake['location']}\r\n".encode()
        await writer.head(status, kind, len(body), extra)
        await writer.body(body)

    async def answer_chat(self, writer, exchange):
        fake = exchange.fake
        try:
            request = json.loads(exchange.body)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            fake["status"] = "400"
            return await self.answer_error(writer, exchange)
        answer = fake_replies.decide(request, fake, exchange.number)
        if "huge" in fake:
            answer.text = "h" * (int(fake["huge"]) << 20)
        streams = request.get("stream") is True
        if "ok-with-error-body" in fake or ("error-event-first" in fake and not streams):
            body = fake_replies.error_body(500, "an error inside a 200")
        elif "empty" in fake and not streams:
            body = b""
        elif streams:
            return await self.stream(writer, fake_replies.events(request, answer, exchange.number, "odd" in fake))
        else:
            body = fake_replies.whole(request, answer, exchange.number, "odd" in fake)
            if "malformed" in fake or "malformed-first" in fake:
                body = body[: len(body) // 2]
        chunked = "trailers" in fake or "whole-chunked" in fake
        await writer.head(200, "application/json", None if chunked else len(body))
        if "stall-after" in fake:
            await writer.body(body[: int(fake["stall-after"])])
            await writer.connection.pause(float(fake.get("seconds", 5)))
            body = body[int(fake["stall-after"]) :]
        await writer.body(body)

    async def stream(self, writer, events):
        fake = writer.fake
        error = b"data: " + fake_replies.error_body(500, "the fake provider broke down") + b"\n\n"
        if "empty" in fake:
            events = []
        if "no-done" in fake:
            events = events[:-1]
        if "no-finish" in fake:
            events = events[:-2]
        if "malformed-first" in fake:
            events = [b'data: {"id": oops\n\n'] + events
        elif "malformed" in fake:
            events = events[:2] + [b'data: {"id": oops\n\n'] + events[2:]
        elif "error-event-first" in fake:
            events = [error]
        elif "error-event-mid" in fake:
            events = events[:3] + [error]
        await writer.head(200, "text/event-stream; charset=utf-8", None)
        for count, event in enumerate(events):
            if "slow" in fake:
                await writer.connection.pause(int(fake["slow"]) / 1000)
            if "stall-after" in fake and count == int(fake["stall-after"]):
                await writer.connection.pause(float(fake.get("seconds", 5)))
            await writer.body(event)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", default="fake-model", help="separated by commas")
    parser.add_argument("--cert", help="a certificate chain in PEM: speak TLS")
    parser.add_argument("--key", help="its key")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    with FakeProvider(options.models.split(","), tls, options.host, options.port) as provider:
        print(json.dumps({"port": provider.port, "url": provider.url}), flush=True)
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        try:
            ended.wait()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
