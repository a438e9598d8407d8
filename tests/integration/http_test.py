#!/usr/bin/env python3
"""The HTTP surface: connections, bodies, methods, paths, CORS, models, metrics."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from house import CHAT, HouseCase, SERVER_KEY, provider_entry
from wire_client import chunked, request_bytes

BODY = json.dumps({"model": "fake/fake-model", "messages": [{"role": "user", "content": "hi"}]}).encode()


class Connections(HouseCase):
    def chat_bytes(self, headers=None, body=BODY) -> bytes:
        return request_bytes("POST", CHAT, self.house.headers(headers), body)

    def test_many_requests_on_one_connection(self):
        with self.house.wire() as wire:
            for _ in range(20):
                wire.send(self.chat_bytes())
                self.assertEqual(wire.read_reply().status, 200)
            wire.send(self.chat_bytes(body=BODY.replace(b'"messages"', b'"stream":true,"messages"')))
            self.assertEqual(wire.read_reply().data[-1], "[DONE]")
            wire.send(request_bytes("GET", "/health", {}))
            self.assertEqual(wire.read_reply().json, {"status": "healthy"})

    def test_the_connection_to_the_provider_is_used_again(self):
        with self.house.wire() as wire:
            wire.send(self.chat_bytes())
            wire.read_reply()
            before = self.fake.connections_total
            for stream in (False, True) * 5:
                body = json.dumps(json.loads(BODY) | {"stream": stream}).encode()
                wire.send(self.chat_bytes(body=body))
                self.assertEqual(wire.read_reply().status, 200)
            self.assertEqual(self.fake.connections_total, before)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.house.wire() as wire:
            stream = json.dumps(json.loads(BODY) | {"stream": True}).encode()
            wire.send(self.chat_bytes({"X-Request-ID": "one", "x-fake": "stall-head=0.3"})
                      + self.chat_bytes({"X-Request-ID": "two"}, stream)
                      + request_bytes("GET", "/health", {"X-Request-ID": "three"}))
            replies = [wire.read_reply() for _ in range(3)]
        self.assertEqual([r.header("x-request-id") for r in replies], ["one", "two", "three"])
        self.assertEqual([r.status for r in replies], [200, 200, 200])
        self.assertEqual(replies[1].data[-1], "[DONE]")
        self.assertEqual([e.header("x-request-id") or "" for e in self.fake.chats()][:1].count("three"), 0)
        self.assertEqual(len(self.fake.chats()), 2)

    def test_a_request_in_single_bytes(self):
        with self.house.wire(30) as wire:
            for byte in self.chat_bytes():
                wire.send(bytes([byte]))
            self.assertEqual(wire.read_reply().status, 200)

    def test_a_chunked_request_body(self):
        for ending in ("", "0;last"):
            with self.subTest(ending=ending), self.house.wire() as wire:
                body = chunked(BODY)
                if ending:
                    body = body[:-5] + b"0;last=1\r\nX-Trailer: dropped\r\n\r\n"
                head = self.house.headers({"Transfer-Encoding": "chunked"})
                wire.send(request_bytes("POST", CHAT, head, body) + request_bytes("GET", "/health", {}))
                self.assertEqual(wire.read_reply().status, 200)
                self.assertEqual(wire.read_reply().json, {"status": "healthy"})
                seen = self.fake.chats()[-1]
                self.assertEqual(json.loads(seen.body), json.loads(BODY) | {"model": "fake-model"})
                self.assertIsNone(seen.header("x-trailer"))

    def test_connection_close_is_obeyed(self):
        with self.house.wire() as wire:
            wire.send(self.chat_bytes({"Connection": "close"}))
            reply = wire.read_reply()
            self.assertEqual((reply.status, reply.header("connection").lower()), (200, "close"))
            self.assertTrue(wire.is_closed_within(5))

    def test_http_1_0_gets_a_reply_that_it_can_read(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.house.wire() as wire:
                body = json.dumps(json.loads(BODY) | {"stream": stream}).encode()
                wire.send(self.chat_bytes(body=body).replace(b"HTTP/1.1", b"HTTP/1.0"))
                reply = wire.read_reply()
                self.assertEqual(reply.status, 200)
                self.assertIsNone(reply.header("transfer-encoding"))
                self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)
                self.assertTrue(wire.is_closed_within(5))

    def test_100_continue_is_sent_before_the_body_and_only_once(self):
        with self.house.wire() as wire:
            whole = self.chat_bytes({"Expect": "100-continue"})
            head, body = whole.split(b"\r\n\r\n", 1)
            wire.send(head + b"\r\n\r\n")
            self.assertTrue(wire.take_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100"))
            wire.send(body)
            reply = wire.read_reply()
            self.assertEqual((reply.status, reply.interim), (200, []))
            self.assertIsNone(self.fake.chats()[-1].header("expect"))

    def test_100_continue_is_not_sent_without_a_key(self):
        with self.house.wire() as wire:
            whole = self.chat_bytes({"Expect": "100-continue", "Authorization": "Bearer wrong-key"})
            wire.send(whole.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")
            reply = wire.read_reply()
            self.assertEqual((reply.status, reply.interim), (401, []))


class Surface(HouseCase):
    @classmethod
    def providers(cls):
        return {"fake": provider_entry(cls.fake.url, ("fake-model", "org/model:7b")), "beta": provider_entry(cls.fake.url, ("other",))}

    def test_root_and_health_and_ready_need_no_key(self):
        for path, expected in (("/", {"name": "Router-Maestro", "status": "running"}), ("/health", {"status": "healthy"})):
            reply = self.house.get(path, {"Authorization": None})
            self.assertEqual(reply.status, 200)
            self.assertLessEqual(expected.items(), reply.json.items())
        self.assertRegex(self.house.get("/").json["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual(self.house.get("/ready", {"Authorization": None}).status, 200)

    def test_both_paths_of_chat(self):
        for path in (CHAT, "/api/openai/v1/chat/completions"):
            reply = self.house.post(path, BODY)
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(self.fake.chats()[-1].target, CHAT)

    def test_the_model_list(self):
        for path in ("/v1/models", "/api/openai/v1/models"):
            with self.subTest(path):
                reply = self.house.get(path)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.json["object"], "list")
                rows = {row["id"]: row for row in reply.json["data"]}
                self.assertEqual(set(rows), {"fake/fake-model", "fake/org/model:7b", "beta/other"})
                row = rows["fake/fake-model"]
                self.assertEqual((row["object"], row["owned_by"]), ("model", "fake"))
                self.assertIsInstance(row["created"], int)
                for name in ("max_prompt_tokens", "max_output_tokens", "max_context_window_tokens", "supports_thinking",
                             "supports_vision"):
                    self.assertIn(name, row)
                    self.assertIsNot(row[name], False)

    def test_the_model_list_needs_a_key(self):
        self.assert_error(self.house.get("/v1/models", {"Authorization": None}), 401)

    def test_one_model(self):
        for path in ("/v1/models/", "/api/openai/v1/models/"):
            for name in ("fake/fake-model", "fake%2Ffake-model", "fake/org/model:7b", "fake%2Forg%2Fmodel%3A7b", "fake-model"):
                with self.subTest(path + name):
                    reply = self.house.get(path + name)
                    self.assertEqual(reply.status, 200, reply.body)
                    self.assertEqual(reply.json["object"], "model")
                    self.assertIn(reply.json["id"], ("fake/fake-model", "fake/org/model:7b"))
        self.assert_error(self.house.get("/v1/models/fake/fake-modle"), 404, ["fake/fake-modle", "fake/fake-model"])

    def test_a_model_with_slashes_is_called_by_its_own_name(self):
        for name in ("fake/org/model:7b", "org/model:7b"):
            reply = self.house.chat(model=name)
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(json.loads(self.fake.chats()[-1].body)["model"], "org/model:7b")

    def test_head_is_405_without_a_body_and_the_connection_lives_on(self):
        for path in ("/", "/health", "/ready", "/v1/models", "/metrics", CHAT):
            with self.subTest(path), self.house.wire() as wire:
                wire.send(request_bytes("HEAD", path, self.house.headers()) + request_bytes("GET", "/health", {}))
                reply = wire.read_reply("HEAD")
                self.assertEqual(reply.status, 405)
                self.assertIn("POST" if path == CHAT else "GET", reply.header("allow"))
                self.assertEqual(wire.read_reply().json, {"status": "healthy"})

    def test_a_preflight_is_answered_without_a_key(self):
        headers = {"Authorization": None, "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
                   "Access-Control-Request-Headers": "authorization, x-stainless-lang"}
        reply = self.house.request("OPTIONS", CHAT, None, headers)
        self.assertIn(reply.status, (200, 204))
        self.assertIn(reply.header("access-control-allow-origin"), ("*", "https://app.example"))
        self.assertIn("POST", reply.header("access-control-allow-methods"))
        allowed = reply.header("access-control-allow-headers").lower()
        self.assertTrue(allowed == "*" or ("x-stainless-lang" in allowed and "authorization" in allowed), allowed)
        self.assertIn("authorization", allowed)  # the star does not cover it
        self.assertEqual(reply.header("access-control-max-age"), "600")
        self.assertNotEqual(reply.header("access-control-allow-credentials"), "true")

    def test_replies_carry_cors_and_metrics_do_not(self):
        origin = {"Origin": "https://app.example"}
        for reply in (self.house.chat(headers=origin), self.house.chat(stream=True, headers=origin),
                      self.house.chat(model="nope", headers=origin), self.house.get("/v1/models", origin),
                      self.house.get("/v1/models", origin | {"Authorization": None})):
            self.assertIn(reply.header("access-control-allow-origin"), ("*", "https://app.example"), reply.raw_head)
            self.assertNotEqual(reply.header("access-control-allow-credentials"), "true")
        self.assertIsNone(self.house.get("/metrics", origin).header("access-control-allow-origin"))

    def test_wrong_methods_are_405_in_the_dialect_and_say_which_are_allowed(self):
        for method, path, allowed in (("GET", CHAT, "POST"), ("DELETE", CHAT, "POST"), ("PUT", "/v1/models", "GET"),
                                      ("POST", "/v1/models", "GET"), ("GET", "/api/openai/v1/chat/completions", "POST"),
                                      ("PATCH", "/v1/models/fake/fake-model", "GET"), ("BREW", CHAT, "POST")):
            with self.subTest(f"{method} {path}"):
                reply = self.house.request(method, path, b"" if method != "GET" else None)
                self.assert_error(reply, 405, kind="invalid_request_error")
                self.assertIn(allowed, reply.header("allow"))

    def test_unknown_paths(self):
        for path in ("/v1/nope", "/api/openai/v1/nope", "/api/openai/nope"):
            with self.subTest(path):
                self.assert_error(self.house.get(path), 404, path, "invalid_request_error")
        for path in ("/nope", "/v2/x", "/v1", "//health", "/%00", "/v1/../health"):
            with self.subTest(path):
                self.assertEqual(self.house.get(path).status, 404)

    def test_metrics(self):
        name = "router_maestro_http_requests_total"
        labels = {"method": "POST", "path_template": CHAT, "status": "200", "dialect": "openai_chat", "provider": "fake"}
        before, streams = self.house.metric(name, **labels), self.house.metric(name, status="404")
        self.house.chat()
        self.house.chat(stream=True)
        self.house.get("/v1/nope/secret-path")
        self.fake.wait_for(lambda: self.house.metric(name, **labels) == before + 2, 3)
        self.assertEqual(self.house.metric(name, **labels), before + 2)
        self.assertGreater(self.house.metric(name, status="404"), streams)
        reply = self.house.get("/metrics")
        text = reply.body.decode()
        self.assertTrue(reply.header("content-type").startswith("text/plain"))
        self.assertIn("# TYPE router_maestro_http_requests_total counter", text)
        self.assertIn("# TYPE router_maestro_http_request_duration_seconds histogram", text)
        for bound in ("0.05", "0.1", "0.25", "0.5", "1", "2", "5", "10", "20", "60", "120", "+Inf"):
            self.assertIn(f'le="{bound}"', text)
        self.assertNotIn("secret-path", text)
        self.assertIn('path_template="unmatched"', text)
        count = self.house.metric("router_maestro_http_request_duration_seconds_count", **labels)
        self.assertGreaterEqual(count, 2)

    def test_metrics_bound_their_labels(self):
        self.house.request("BREW", CHAT, b"")
        self.assertGreater(self.house.metric("router_maestro_http_requests_total", method="OTHER"), 0)
        self.assertEqual(self.house.metric("router_maestro_http_requests_total", method="BREW"), 0)

    def test_a_failing_provider_is_counted(self):
        labels = {"status": "503", "provider": "fake", "path_template": CHAT}
        before = self.house.metric("router_maestro_http_requests_total", **labels)
        self.house.chat(fake="status=503")
        self.assertEqual(self.house.metric("router_maestro_http_requests_total", **labels), before + 1)


class MetricsToken(HouseCase):
    environment = {"ROUTER_MAESTRO_METRICS_TOKEN": "a-metrics-token-of-some-length"}

    def test_the_token_opens_the_metrics_and_nothing_else_does(self):
        for header, status in (("Bearer a-metrics-token-of-some-length", 200), ("a-metrics-token-of-some-length", 200),
                               (f"Bearer {SERVER_KEY}", 401), ("Bearer wrong", 401), ("Bearer ü", 401), (None, 401)):
            with self.subTest(header):
                self.assertEqual(self.house.get("/metrics", {"Authorization": header}).status, status)
        token = {"Authorization": "Bearer a-metrics-token-of-some-length"}
        self.assertEqual(self.house.chat(headers=token).status, 401)


if __name__ == "__main__":
    unittest.main(verbosity=2)
