#!/usr/bin/env python3
"""Which headers go to a provider, which come back, and request ids."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from house import CHAT, HouseCase, PROVIDER_KEY, SERVER_KEY, provider_entry

NEVER_FORWARDED = {
    "Cookie": "session=1",
    "Proxy-Authorization": "Basic eA==",
    "Proxy-Connection": "keep-alive",
    "Forwarded": "for=1.2.3.4",
    "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Maestro-Principal": "root",
    "X-Maestro-Anything": "1",
    "Accept-Encoding": "gzip, br",
    "TE": "trailers",
    "Keep-Alive": "timeout=9",
    "Upgrade": "h2c",
    "X-Named": "hop by hop",
}
FORWARDED = {
    "User-Agent": "a-client/1.2",
    "OpenAI-Organization": "org-1",
    "OpenAI-Beta": "assistants=v2",
    "X-Unknown-Header": "kept, as it is",
    "X-Stainless-Lang": "js",
    "Accept": "application/json",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


class Headers(HouseCase):
    credentials = {"fake": PROVIDER_KEY}

    @classmethod
    def providers(cls):
        return {"fake": provider_entry(cls.fake.url, allow_unauthenticated=False)}

    def test_headers_that_never_go_to_a_provider(self):
        headers = NEVER_FORWARDED | {"Connection": "keep-alive, x-named"}
        self.assertEqual(self.house.chat(headers=headers).status, 200)
        seen = self.fake.chats()[-1]
        for name, value in NEVER_FORWARDED.items():
            with self.subTest(name):
                self.assertNotEqual(seen.header(name), value)
                if name not in ("Accept-Encoding", "Keep-Alive"):
                    self.assertIsNone(seen.header(name))

    def test_the_clients_key_never_goes_to_a_provider(self):
        ways = [{}, {"Authorization": None, "x-api-key": SERVER_KEY}, {"Authorization": None, "x-goog-api-key": SERVER_KEY}]
        for way in ways:
            with self.subTest(way):
                self.assertEqual(self.house.chat(headers=way).status, 200)
                seen = self.fake.chats()[-1]
                self.assertNotIn(SERVER_KEY.encode(), seen.head + seen.body)
        reply = self.house.post(f"{CHAT}?key={SERVER_KEY}&a=b", {"model": "fake/fake-model", "messages": []})
        self.assertEqual(reply.status, 200, reply.body)
        self.assertNotIn(b"key=", self.fake.chats()[-1].head)

    def test_the_providers_key_is_the_one_that_goes(self):
        self.house.chat(headers={"x-api-key": "other", "x-goog-api-key": "other"})
        seen = self.fake.chats()[-1]
        self.assertEqual([v for k, v in seen.headers if k.lower() == "authorization"], [f"Bearer {PROVIDER_KEY}"])
        self.assertIsNone(seen.header("x-api-key"))
        self.assertIsNone(seen.header("x-goog-api-key"))

    def test_all_other_headers_go_on(self):
        self.assertEqual(self.house.chat(headers=FORWARDED).status, 200)
        for name, value in FORWARDED.items():
            with self.subTest(name):
                self.assertEqual(self.fake.chats()[-1].header(name), value)

    def test_the_request_to_the_provider_is_well_formed(self):
        self.house.chat()
        seen = self.fake.chats()[-1]
        self.assertEqual((seen.method, seen.target, seen.version), ("POST", CHAT, "HTTP/1.1"))
        names = [name.lower() for name, _ in seen.headers]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertEqual(seen.header("host"), f"127.0.0.1:{self.fake.port}")
        self.assertEqual(int(seen.header("content-length")), len(seen.body))
        self.assertEqual(seen.header("accept-encoding"), "identity")
        self.assertIsNone(seen.header("expect"))

    def test_headers_that_come_back(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                reply = self.house.chat(stream=stream, fake="set-cookie")
                self.assertEqual(reply.header("retry-after"), "3")
                self.assertEqual(reply.header("x-ratelimit-limit-requests"), "10")
                self.assertEqual(reply.header("openai-processing-ms"), "12")
                self.assertEqual(reply.header("request-id"), "req_fake")
                self.assertTrue(reply.header("content-type"))

    def test_headers_that_never_come_back(self):
        for stream in (False, True):
            reply = self.house.chat(stream=stream, fake="set-cookie")
            for name in ("set-cookie", "openai-model", "alt-svc", "strict-transport-security", "keep-alive", "x-inner",
                         "x-maestro-inner"):
                with self.subTest(name=name, stream=stream):
                    self.assertEqual(reply.all(name), [])
            self.assertNotIn("fake/1", reply.header("server") or "")
            self.assertNotIn("x-inner", (reply.header("connection") or "").lower())

    def test_a_good_request_id_is_kept(self):
        for good in ("abc", "A.b_c:d-9", "x" * 128):
            with self.subTest(good):
                self.assertEqual(self.house.chat(headers={"X-Request-ID": good}).all("x-request-id"), [good])

    def test_a_bad_request_id_is_replaced(self):
        for bad in ("with space", "x" * 129, "", "semi;colon", "ünïcode", "<script>"):
            with self.subTest(bad):
                ids = self.house.chat(headers={"X-Request-ID": bad}).all("x-request-id")
                self.assertEqual(len(ids), 1)
                self.assertRegex(ids[0], r"^[0-9a-f]{32}$")

    def test_every_reply_has_exactly_one_request_id(self):
        no_key = {"Authorization": None}
        replies = [self.house.get("/"), self.house.get("/health"), self.house.get("/ready"), self.house.get("/metrics"),
                   self.house.get("/nope"), self.house.get("/v1/nope"), self.house.get(CHAT), self.house.get("/v1/models"),
                   self.house.get("/v1/models", no_key), self.house.post(CHAT, b"{"), self.house.chat(stream=True),
                   self.house.chat(fake="status=500"), self.house.request("OPTIONS", CHAT)]
        seen = set()
        for reply in replies:
            ids = reply.all("x-request-id")
            self.assertEqual(len(ids), 1, reply.raw_head)
            self.assertTrue(re.fullmatch(r"[0-9a-f]{32}", ids[0]), ids)
            seen.add(ids[0])
        self.assertEqual(len(seen), len(replies))

    def test_the_log_line_of_a_request_carries_its_id(self):
        self.house.chat(headers={"X-Request-ID": "find-me-in-the-log"})
        self.fake.wait_for(lambda: "find-me-in-the-log" in self.house.log, 5)
        lines = [line for line in self.house.log.splitlines() if "find-me-in-the-log" in line]
        self.assertTrue(lines)
        self.assertIn("fake", "".join(lines))


if __name__ == "__main__":
    unittest.main(verbosity=2)
