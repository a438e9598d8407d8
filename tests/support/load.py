#!/usr/bin/env python3
"""Load on kept-alive connections, cheap enough to send many thousand requests: a class, and a program for a process of
its own. Anything but a complete 200 is a failure, a lost connection too.
"""

import argparse
import json
import socket
import sys
import threading
import time


class Load:
    """Sends `total` chats over `threads` connections, every tenth as a stream, and counts."""

    def __init__(self, port: int, key: str, total: int, threads=4, model="fake/fake-model", host="127.0.0.1"):
        self.address = (host, port)
        self.total, self.sent, self.done = total, 0, 0
        self.failures = []
        self.lock = threading.Lock()
        self.whole = self.request(key, model, False)
        self.stream = self.request(key, model, True)
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]

    @staticmethod
    def request(key, model, stream) -> bytes:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "load"}], "stream": stream}).encode()
        return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def start(self):
        self.started_at = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def join(self, timeout=300):
        for thread in self.threads:
            thread.join(timeout)
        self.took = time.monotonic() - self.started_at
        return self

    def next(self) -> int:
        with self.lock:
            if self.sent >= self.total:
                return -1
            self.sent += 1
            return self.sent

    def work(self):
        sock = None
        while (number := self.next()) >= 0:
            try:
                if sock is None:
                    sock = socket.create_connection(self.address, 30)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.one(sock, number % 10 == 0)
            except (OSError, AssertionError) as error:
                with self.lock:
                    self.failures.append(f"request {number}: {error!r}")
                sock = None
            else:
                with self.lock:
                    self.done += 1

    def one(self, sock, stream):
        sock.sendall(self.stream if stream else self.whole)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more(sock, data)
        head = data[:end].lower()
        assert head.startswith(b"http/1.1 200"), data[:800]
        at = head.find(b"content-length:")
        if at >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            while len(data) < end + 4 + length:
                data += self.more(sock, data)
            assert len(data) == end + 4 + length, data[-200:]
        else:
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += self.more(sock, data)
            assert b"[DONE]" in data, data[-200:]

    @staticmethod
    def more(sock, seen) -> bytes:
        piece = sock.recv(65536)
        assert piece, f"closed after {seen[-200:]!r}"
        return piece


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--total", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    load = Load(options.port, options.key, options.total, options.threads).start().join()
    print(json.dumps({"done": load.done, "failed": len(load.failures), "seconds": load.took, "failures": load.failures[:10]}))
    return 1 if load.failures else 0


if __name__ == "__main__":
    sys.exit(main())
