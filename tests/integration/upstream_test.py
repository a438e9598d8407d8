#!/usr/bin/env python3
"""Providers over verified TLS, and through outbound proxies."""

import json
import pathlib
import shutil
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from authority import Authority
from fake_provider import FakeProvider
from house import CHAT, House, PROVIDER_KEY, provider_entry
from proxies import ConnectProxy, SocksProxy
from wire_client import request_bytes


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(shutil.rmtree, cls.authority.folder, True)
        other = Authority()
        cls.addClassCleanup(shutil.rmtree, other.folder, True)
        contexts = {
            "good": cls.authority.issue("good"),
            "byname": cls.authority.issue("byname", "DNS:localhost"),
            "wronghost": cls.authority.issue("wronghost", "DNS:other.example"),
            "expired": cls.authority.issue("expired", days=-1),
            "selfsigned": cls.authority.issue("selfsigned", self_signed=True),
            "stranger": other.issue("stranger"),
        }
        cls.fakes = {}
        for name, context in contexts.items():
            cls.fakes[name] = FakeProvider(tls=context).start()
            cls.addClassCleanup(cls.fakes[name].stop)
        providers = {name: provider_entry(f"https://127.0.0.1:{fake.port}/v1", allow_unauthenticated=False)
                     for name, fake in cls.fakes.items()}
        providers["byname"]["baseURL"] = f"https://localhost:{cls.fakes['byname'].port}/v1"
        cls.plain = FakeProvider().start()
        cls.addClassCleanup(cls.plain.stop)
        providers["plain"] = provider_entry(f"https://127.0.0.1:{cls.plain.port}/v1", allow_unauthenticated=False)
        cls.house = House(providers, environment={"SSL_CERT_FILE": cls.authority.certificate, "ROUTER_MAESTRO_CONNECT_TIME": 2},
                          credentials={name: PROVIDER_KEY for name in providers})
        cls.addClassCleanup(cls.house.directories.remove)
        cls.house.start()
        cls.addClassCleanup(cls.house.stop)

    def test_a_good_certificate(self):
        for name in ("good", "byname"):
            for stream in (False, True):
                with self.subTest(name, stream=stream):
                    reply = self.house.chat(model=f"{name}/fake-model", stream=stream)
                    self.assertEqual(reply.status, 200, reply.body)
                    self.assertEqual(reply.body, self.fakes[name].chats()[-1].reply_body)

    def test_a_large_exchange(self):
        reply = self.house.chat("x" * 3_000_000, model="good/fake-model", fake="bytes=5000000", timeout=60)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, self.fakes["good"].chats()[-1].reply_body)

    def test_bad_certificates_are_502_and_no_key_is_sent(self):
        for name in ("wronghost", "expired", "selfsigned", "stranger"):
            for stream in (False, True):
                with self.subTest(name, stream=stream):
                    reply = self.house.chat(model=f"{name}/fake-model", stream=stream)
                    self.assertEqual(reply.status, 502, reply.body)
                    message = reply.json["error"]["message"]
                    self.assertIn(name, message)
                    self.assertNotIn(PROVIDER_KEY, message)
                    self.assertEqual(self.fakes[name].requests, [])

    def test_a_provider_that_speaks_no_tls_is_an_error_and_no_key_is_sent(self):
        reply = self.house.chat(model="plain/fake-model", timeout=20)
        self.assertIn(reply.status, (502, 504), reply.body)
        self.assertIn("plain", reply.json["error"]["message"])
        self.assertEqual(self.plain.requests, [])

    def test_the_reason_is_said(self):
        for name, word in (("expired", "expired"), ("wronghost", "127.0.0.1"), ("selfsigned", "certificate")):
            with self.subTest(name):
                message = self.house.chat(model=f"{name}/fake-model").json["error"]["message"]
                self.assertIn(word, message.lower() + self.house.log.lower())

    def test_sessions_are_resumed(self):
        fake = self.fakes["good"]
        with self.house.wire() as wire:  # one connection of ours: one worker, so one cache of sessions
            body = json.dumps({"model": "good/fake-model", "messages": []}).encode()
            for _ in range(4):
                wire.send(request_bytes("POST", CHAT, self.house.headers({"x-fake": "close-delimited"}), body))
                self.assertEqual(wire.read_reply().status, 200)
        last = fake.chats()[-3:]
        self.assertEqual(len({e.connection for e in last}), 3)
        self.assertTrue(all(e.tls_resumed for e in last), [e.tls_resumed for e in last])

    def test_connections_are_used_again(self):
        fake = self.fakes["good"]
        with self.house.wire() as wire:
            body = json.dumps({"model": "good/fake-model", "messages": []}).encode()
            for _ in range(5):
                wire.send(request_bytes("POST", CHAT, self.house.headers(), body))
                self.assertEqual(wire.read_reply().status, 200)
        self.assertEqual(len({e.connection for e in fake.chats()[-4:]}), 1)

    def test_a_tls_stream_that_is_cut_is_a_failure(self):
        for fake in ("events=20;cut=1500", "close-delimited;events=20;cut=1500", "events=20;reset=1500"):
            with self.subTest(fake):
                reply = self.house.chat(model="good/fake-model", stream=True, fake=fake)
                self.assertEqual(reply.status, 200)
                self.assertNotIn("[DONE]", reply.data)
                self.assertIn("good", json.loads(reply.data[-1])["error"]["message"])


class Proxies(unittest.TestCase):
    """Names that exist nowhere: only a proxy can reach them."""

    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(shutil.rmtree, cls.authority.folder, True)
        context = cls.authority.issue("proxied", "DNS:provider.invalid,IP:127.0.0.1,DNS:localhost")
        cls.secure = FakeProvider(tls=context).start()
        cls.addClassCleanup(cls.secure.stop)
        cls.plain = FakeProvider().start()
        cls.addClassCleanup(cls.plain.stop)

    def house(self, environment, url):
        house = House({"fake": provider_entry(url)}, environment={"SSL_CERT_FILE": self.authority.certificate} | environment)
        self.addCleanup(house.directories.remove)
        house.start()
        self.addCleanup(house.stop)
        return house

    def test_https_through_an_http_proxy(self):
        with ConnectProxy(("127.0.0.1", self.secure.port)) as proxy:
            for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
                with self.subTest(variable):
                    proxy.asked.clear()
                    house = self.house({variable: f"http://127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
                    for stream in (False, True):
                        self.assertEqual(house.chat(stream=stream).status, 200)
                    self.assertEqual(set(proxy.asked), {("provider.invalid", 443)})

    def test_http_through_an_http_proxy(self):
        with ConnectProxy(("127.0.0.1", self.plain.port)) as proxy:
            house = self.house({"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"}, "http://provider.invalid:8123/v1")
            reply = house.chat()
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(set(proxy.asked), {("provider.invalid", 8123)})
            self.assertEqual(self.plain.chats()[-1].target, CHAT)

    def test_a_proxy_with_a_password(self):
        with ConnectProxy(("127.0.0.1", self.secure.port), ("user", "p@ss-word-4711")) as proxy:
            house = self.house({"HTTPS_PROXY": f"http://user:p%40ss-word-4711@127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
            self.assertEqual(house.chat().status, 200)
            self.assertNotIn("ss-word-4711", house.log)
            wrong = self.house({"HTTPS_PROXY": f"http://user:wrong-4712@127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
            reply = wrong.chat()
            self.assertEqual(reply.status, 502, reply.body)
            self.assertIn("407", reply.json["error"]["message"] + wrong.log)
            self.assertNotIn("wrong-4712", reply.body.decode() + wrong.log)

    def test_socks5(self):
        for credentials, user in ((None, ""), (("user", "secret-4711"), "user:secret-4711@")):
            for scheme in ("socks5", "socks5h"):
                with self.subTest(scheme, user=user), SocksProxy(("127.0.0.1", self.secure.port), credentials) as proxy:
                    house = self.house({"ALL_PROXY": f"{scheme}://{user}127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
                    for stream in (False, True):
                        self.assertEqual(house.chat(stream=stream).status, 200)
                    self.assertEqual(set(proxy.asked), {("provider.invalid", 443)})
                    self.assertNotIn("secret-4711", house.log)

    def test_a_proxy_that_refuses_or_is_gone_is_502_and_named(self):
        with ConnectProxy(("127.0.0.1", self.secure.port), refuses=True) as proxy:
            house = self.house({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
            reply = house.chat()
            self.assertEqual(reply.status, 502, reply.body)
            self.assertIn("fake", reply.json["error"]["message"])
            self.assertIn("proxy", reply.json["error"]["message"].lower())
        with SocksProxy(("127.0.0.1", self.secure.port), refuses=True) as proxy:
            house = self.house({"ALL_PROXY": f"socks5://127.0.0.1:{proxy.port}"}, "https://provider.invalid/v1")
            self.assertEqual(house.chat().status, 502)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            house = self.house({"HTTPS_PROXY": f"http://127.0.0.1:{sock.getsockname()[1]}"}, "https://provider.invalid/v1")
            self.assertEqual(house.chat().status, 502)

    def test_no_proxy_goes_straight(self):
        with ConnectProxy(("127.0.0.1", 1)) as proxy:
            through = f"http://127.0.0.1:{proxy.port}"
            url = f"https://localhost:{self.secure.port}/v1"
            for exception in ("localhost", "other.example, localhost", "*", f"localhost:{self.secure.port}"):
                with self.subTest(exception):
                    house = self.house({"HTTPS_PROXY": through, "NO_PROXY": exception}, url)
                    self.assertEqual(house.chat().status, 200)
            self.assertEqual(proxy.asked, [])
            house = self.house({"HTTPS_PROXY": through, "NO_PROXY": "ocalhost,calhost.example"}, url)
            self.assertEqual(house.chat().status, 502)
            self.assertEqual(proxy.asked[:1], [("localhost", self.secure.port)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
