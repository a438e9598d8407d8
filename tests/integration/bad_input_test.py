#!/usr/bin/env python3
"""Bad input gets an OpenAI error envelope, the right status and a message that says where. No secret is shown."""

import json
import pathlib
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from house import CHAT, HouseCase, PROVIDER_KEY, SERVER_KEY, provider_entry, wait_until
from wire_client import chunked, request_bytes

GOOD = {"model": "fake/fake-model", "messages": [{"role": "user", "content": "hi"}]}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Bodies(HouseCase):
    MALFORMED = [b"", b"{", b'{"model":', b"not json", b"[]", b'"text"', b"null", b'{"model":"fake/fake-model",}', b"\xff\xfe{}",
                 b'{"model":"fake/fake-model","messages":[{]}', b'{"model":"fake/fake-model","messages":[]} trailing',
                 b'{"model":"fake/fake-model","messages":[]', b'{"model":"\xff\xfe","messages":[]}',
                 b'{"model":"fake/fake-model\x00","messages":[]}', b'{"model" "x"}']

    def test_malformed_json_is_400(self):
        for body in self.MALFORMED:
            with self.subTest(body=body):
                self.assert_error(self.house.post(CHAT, body), 400, kind="invalid_request_error")
        self.assertEqual(self.fake.chats(), [])

    def test_wrong_types_are_400_with_the_path(self):
        table = [
            ({"model": 7}, "model"), ({"model": None}, "model"), ({"model": ["a"]}, "model"), ({"model": ""}, "model"),
            ({"stream": "yes"}, "stream"), ({"stream": 1}, "stream"), ({"messages": "hi"}, "messages"),
            ({"messages": {}}, "messages"), ({"messages": None}, "messages"), ({"tools": "all"}, "tools"),
            ({"stream": True, "stream_options": {"include_usage": "true"}}, "stream_options.include_usage"),
            ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
            ({"stream": True, "stream_options": []}, "stream_options"),
        ]
        for change, path in table:
            with self.subTest(change=change):
                error = self.assert_error(self.house.post(CHAT, GOOD | change), 400, path, "invalid_request_error", path)
                self.assertNotIn("hi", error["message"].split())
        self.assertEqual(self.fake.chats(), [])

    def test_missing_fields_are_400_with_the_path(self):
        for name in ("model", "messages"):
            with self.subTest(name):
                body = {key: value for key, value in GOOD.items() if key != name}
                self.assert_error(self.house.post(CHAT, body), 400, name, "invalid_request_error", name)

    def test_deep_nesting_is_400(self):
        for depth in (200, 100_000):
            with self.subTest(depth=depth):
                body = json.dumps(GOOD)[:-1] + ',"x":' + "[" * depth + "]" * depth + "}"
                self.assert_error(self.house.post(CHAT, body.encode()), 400, kind="invalid_request_error")

    def test_an_unknown_model_is_404_and_names_near_ones(self):
        for name, near in (("fake/fake-modle", "fake/fake-model"), ("fake-modl", "fake/fake-model"), ("faek/fake-model", "fake/fake-model")):
            with self.subTest(name):
                error = self.assert_error(self.house.chat(model=name), 404, [name, near], "invalid_request_error")
                self.assertIn(error["code"], ("not_found", "model_not_found"))
        self.assert_error(self.house.chat(model="something-else-entirely"), 404, "something-else-entirely")
        self.assert_error(self.house.chat(model="x" * 5000), 404)
        self.assert_error(self.house.chat(model='<script>"\n\\ü'), 404)
        self.assertEqual(self.fake.chats(), [])

    def test_errors_of_a_stream_request_that_has_not_begun_are_plain_replies(self):
        self.assert_error(self.house.chat(model="nope", stream=True), 404, "nope")

    def test_a_content_encoding_is_415(self):
        for coding in ("gzip", "br", "zstd", "x-unknown"):
            with self.subTest(coding):
                self.assert_error(self.house.post(CHAT, GOOD, {"Content-Encoding": coding}), 415, "compressed")
        self.assertEqual(self.house.post(CHAT, GOOD, {"Content-Encoding": "identity"}).status, 200)

    def test_the_connection_lives_on_after_a_refused_body(self):
        with self.house.wire() as wire:
            for body in (b"{", json.dumps(GOOD).encode()):
                wire.send(request_bytes("POST", CHAT, self.house.headers(), body))
                reply = wire.read_reply()
            self.assertEqual(reply.status, 200)


class Keys(HouseCase):
    def test_no_key_or_a_wrong_key_is_401_with_a_challenge(self):
        bad = [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "},
               {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer schlüssel-ключ"}, {"x-api-key": "wrong"},
               {"Authorization": "Basic " + SERVER_KEY}, {"Authorization": f"Bearer {SERVER_KEY}x"},
               {"Authorization": f"Bearer {SERVER_KEY[:-1]}"}, {"x-goog-api-key": "wrong"}, {"x-api-key": "ключ"},
               {"Authorization": "Bearer " + "k" * 10_000}, {"Authorization": f"Bearer {SERVER_KEY} {SERVER_KEY}"}]
        for headers in bad:
            with self.subTest(headers):
                reply = self.house.post(CHAT, GOOD, {"Authorization": None} | headers)
                self.assert_error(reply, 401, kind="authentication_error")
                self.assertEqual(reply.header("www-authenticate"), "Bearer")
        # ?key= opens the paths of Gemini only: in others it would end in the logs of proxies.
        for query in ("?key=", "?key=wrong", "?key=%C3%BC", "?xkey=" + SERVER_KEY, "?key=" + SERVER_KEY):
            with self.subTest(query):
                reply = self.house.post(CHAT + query, GOOD, {"Authorization": None})
                self.assert_error(reply, 401, kind="authentication_error")
        self.assertEqual(self.fake.chats(), [])

    def test_missing_and_wrong_keys_are_told_apart(self):
        missing = self.house.post(CHAT, GOOD, {"Authorization": None}).json["error"]["message"]
        wrong = self.house.post(CHAT, GOOD, {"Authorization": "Bearer wrong"}).json["error"]["message"]
        self.assertNotEqual(missing, wrong)

    def test_the_key_is_taken_from_any_place(self):
        good = [{"Authorization": f"Bearer {SERVER_KEY}"}, {"Authorization": f"bearer {SERVER_KEY}"}, {"Authorization": SERVER_KEY},
                {"Authorization": f"BEARER   {SERVER_KEY}"}, {"x-api-key": SERVER_KEY}, {"x-goog-api-key": SERVER_KEY},
                {"Authorization": "Bearer wrong", "x-api-key": SERVER_KEY}, {"x-api-key": "wrong", "x-goog-api-key": SERVER_KEY}]
        for headers in good:
            with self.subTest(headers):
                self.assertEqual(self.house.post(CHAT, GOOD, {"Authorization": None} | headers).status, 200)

    def test_authentication_comes_before_the_body_is_judged(self):
        reply = self.house.post(CHAT, b"{ not json", {"Authorization": None})
        self.assert_error(reply, 401)


class Limits(HouseCase):
    environment = {"ROUTER_MAESTRO_REQUEST_HEAD_TIME": 0.5, "ROUTER_MAESTRO_BODY_IDLE_TIME": 0.5,
                   "ROUTER_MAESTRO_BODY_BYTES_MAX": 1_000_000, "ROUTER_MAESTRO_KEEP_ALIVE_TIME": 1.0}

    def test_a_head_too_large_is_431(self):
        for headers in ({"X-Big": "x" * 100_000}, {f"X-{i}": "y" * 10 for i in range(500)}):
            with self.subTest(len(headers)), self.house.wire() as wire:
                wire.send(request_bytes("POST", CHAT, self.house.headers(headers), b"{}"))
                self.assert_error(wire.read_reply(), 431)
                self.assertTrue(wire.is_closed_within(5))

    def test_a_target_too_long_is_refused(self):
        reply = self.house.get("/v1/models?x=" + "y" * 40_000)
        self.assert_error(reply, 414, "target")

    def test_a_head_that_never_ends_is_431(self):
        with self.house.wire() as wire:
            try:
                wire.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 3_000_000)
            except OSError:
                pass
            self.assertEqual(wire.read_reply().status, 431)

    def test_a_body_too_large_is_413_with_and_without_its_length(self):
        large = json.dumps(GOOD | {"x": "x" * 1_000_001}).encode()
        with self.subTest("length"), self.house.wire() as wire:
            head = request_bytes("POST", CHAT, self.house.headers({"Content-Length": len(large)}), b"")
            wire.send(head)  # refused by the head alone
            self.assert_error(wire.read_reply(), 413, ["1000000"], "invalid_request_error")
        with self.subTest("chunked"), self.house.wire() as wire:
            try:
                wire.send(request_bytes("POST", CHAT, self.house.headers({"Transfer-Encoding": "chunked"}), chunked(large, (65536,))))
            except OSError:
                pass
            self.assert_error(wire.read_reply(), 413, kind="invalid_request_error")
        with self.subTest("a length beyond 64 bits"), self.house.wire() as wire:
            wire.send(request_bytes("POST", CHAT, self.house.headers({"Content-Length": "9" * 30}), b""))
            self.assertIn(wire.read_reply().status, (400, 413))
        with self.subTest("just below"):
            body = json.dumps(GOOD | {"x": ""}).encode()
            body = body[:-2] + b"x" * (1_000_000 - len(body)) + b'"}'
            self.assertEqual(len(body), 1_000_000)
            self.assertEqual(self.house.post(CHAT, body).status, 200)
        self.assertEqual(len(self.fake.chats()), 1)

    def test_413_with_expect_is_said_before_the_body(self):
        with self.house.wire() as wire:
            wire.send(request_bytes("POST", CHAT, self.house.headers({"Content-Length": 2_000_000, "Expect": "100-continue"}), b""))
            reply = wire.read_reply()
            self.assertEqual((reply.status, reply.interim), (413, []))

    def test_a_slow_head_is_408(self):
        for part in (b"POST /v1/chat/comp", b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Slow: "):
            with self.subTest(part), self.house.wire() as wire:
                started = time.monotonic()
                wire.send(part)
                self.assert_error(wire.read_reply(), 408)
                self.assertLess(time.monotonic() - started, 4)
                self.assertTrue(wire.is_closed_within(5))

    def test_a_head_that_drips_is_408_all_the_same(self):
        with self.house.wire() as wire:
            wire.send(b"GET / HTTP/1.1\r\n")
            wire.sock.settimeout(0.1)
            for _ in range(60):
                try:
                    wire.send(b"X: y\r\n")
                    wire.buffer += wire.sock.recv(65536)
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break
            self.assertEqual(wire.read_reply().status, 408)

    def test_a_connection_without_a_request_is_closed_in_silence(self):
        with self.house.wire() as wire:
            self.assertTrue(wire.is_closed_within(6))
        with self.house.wire() as wire:
            wire.send(request_bytes("GET", "/health", {}))
            wire.read_reply()
            self.assertEqual(wire.buffer, b"")
            self.assertTrue(wire.is_closed_within(6))

    def test_a_slow_body_is_408(self):
        with self.house.wire() as wire:
            wire.send(request_bytes("POST", CHAT, self.house.headers({"Content-Length": 500}), b'{"model":'))
            self.assert_error(wire.read_reply(), 408)
            self.assertTrue(wire.is_closed_within(5))
        self.assertEqual(self.fake.chats(), [])

    def test_a_body_cut_short_reaches_no_provider(self):
        with self.house.wire() as wire:
            wire.send(request_bytes("POST", CHAT, self.house.headers({"Content-Length": 500}), b'{"model":'))
            wire.sock.shutdown(socket.SHUT_WR)
            wire.is_closed_within(5)
        self.assertEqual(self.fake.chats(), [])


class Budget(HouseCase):
    environment = {"ROUTER_MAESTRO_BODY_BUDGET_BYTES_MAX": 300_000}

    def test_bodies_beyond_the_budget_of_the_process_are_503(self):
        held = []
        try:
            for _ in range(2):
                wire = self.house.wire()
                held.append(wire)
                wire.send(request_bytes("POST", CHAT, self.house.headers({"Content-Length": 140_000}), b"{" + b" " * 130_000))
            wait_until(lambda: self.house.metric("router_maestro_body_bytes_held") == 280_000, "both bodies are being read", 5)
            wanted = json.dumps(GOOD | {"x": "x" * 140_000}).encode()
            self.assert_error(self.house.post(CHAT, wanted), 503, kind="api_error")
        finally:
            for wire in held:
                wire.close()
        wait_until(lambda: self.house.metric("router_maestro_body_bytes_held") == 0, "their bytes are given back", 5)
        self.assertEqual(self.house.post(CHAT, wanted).status, 200)


class Providers(HouseCase):
    environment = {"ROUTER_MAESTRO_FIRST_EVENT_TIME": 0.6, "ROUTER_MAESTRO_WHOLE_REPLY_TIME": 0.6, "ROUTER_MAESTRO_STREAM_IDLE_TIME": 0.6,
                   "ROUTER_MAESTRO_CONNECT_TIME": 1.0}
    credentials = {"fake": PROVIDER_KEY, "gone": PROVIDER_KEY, "noname": PROVIDER_KEY}

    @classmethod
    def providers(cls):
        options = {"allow_unauthenticated": False}
        return {"fake": provider_entry(cls.fake.url, **options),
                "gone": provider_entry(f"http://127.0.0.1:{free_port()}/v1", ("m",), **options),
                "noname": provider_entry("http://name.invalid/v1", ("m",), **options)}

    def test_an_unreachable_provider_is_502_and_named(self):
        for name in ("gone", "noname"):
            for stream in (False, True):
                with self.subTest(name, stream=stream):
                    self.assert_error(self.house.chat(model=f"{name}/m", stream=stream), 502, name, "api_error")

    def test_a_malformed_provider_is_502_and_named(self):
        for fake in ("malformed-head", "cut-head", "close-first"):
            for stream in (False, True):
                with self.subTest(fake, stream=stream):
                    self.assert_error(self.house.chat(stream=stream, fake=fake), 502, "fake", "api_error")

    def test_a_silent_provider_is_504_and_named(self):
        for fake in ("stall-head=20", "stall-after=0;seconds=20"):
            for stream in (False, True):
                with self.subTest(fake, stream=stream):
                    started = time.monotonic()
                    self.assert_error(self.house.chat(stream=stream, fake=fake), 504, "fake", "api_error")
                    self.assertLess(time.monotonic() - started, 5)

    def test_a_stream_that_falls_silent_ends_with_an_error_and_without_done(self):
        reply = self.house.chat(stream=True, fake="stall-after=3;seconds=20")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("[DONE]", reply.data)
        self.assertIn("fake", json.loads(reply.data[-1])["error"]["message"])


class TotalTime(HouseCase):
    environment = {"ROUTER_MAESTRO_TOTAL_TIME": 1.0}

    def test_a_stream_that_never_ends_is_ended_in_band(self):
        started = time.monotonic()
        reply = self.house.chat(stream=True, fake="events=10000;slow=20", timeout=20)
        self.assertLess(time.monotonic() - started, 6)
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.complete)
        self.assertNotIn("[DONE]", reply.data)
        self.assertIn("error", json.loads(reply.data[-1]))
        self.assertTrue(self.fake.wait_for(lambda: self.fake.chats()[-1].closed_early))


if __name__ == "__main__":
    unittest.main(verbosity=2)
