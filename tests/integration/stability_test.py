#!/usr/bin/env python3
"""Static stability: requests go on while auth and registry are gone, and a gateway comes back without them."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
from apart import Apart
from fake_provider import FakeProvider
from house import CHAT, House, PROVIDER_KEY, provider_entry, wait_until
from load import Load
from wire_client import request_bytes

REQUESTS = 10_000


class FakeProgram:
    """The fake provider as a process of its own, so that load and provider do not share an interpreter."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, str(SUPPORT / "fake_provider.py")], stdout=subprocess.PIPE)
        self.url = json.loads(self.process.stdout.readline())["url"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class KilledUnderLoad(unittest.TestCase):
    def report(self, what, load):
        print(f"{what}: {load.done} requests answered, {len(load.failures)} failed, {load.done / load.took:.0f} per second")
        self.assertEqual(load.failures[:5], [])
        self.assertGreaterEqual(load.done, REQUESTS)

    def test_auth_and_registry_are_killed_for_good(self):
        with FakeProgram() as fake, Apart({"fake": provider_entry(fake.url, allow_unauthenticated=False)},
                                          credentials={"fake": PROVIDER_KEY}) as house:
            load = Load(house.port, house.key, REQUESTS).start()
            wait_until(lambda: load.done > REQUESTS // 10, "load runs", 60)
            house.kill("auth")
            house.kill("registry")
            killed_at = load.done
            load.join()
            self.report(f"auth and registry killed after {killed_at} requests", load)
            self.assertLess(killed_at, REQUESTS // 2)
            self.assertEqual(house.get("/ready").status, 200)

    def test_auth_and_registry_are_killed_again_and_again_under_the_supervisor(self):
        with FakeProgram() as fake, House({"fake": provider_entry(fake.url, allow_unauthenticated=False)},
                                          credentials={"fake": PROVIDER_KEY}) as house:
            load = Load(house.port, house.key, REQUESTS).start()
            kills = 0
            while load.done + len(load.failures) < REQUESTS:
                for name in ("maestro-auth", "maestro-registry"):
                    try:
                        house.kill(name)
                        kills += 1
                    except (KeyError, ProcessLookupError):
                        pass  # not back yet
                time.sleep(0.05)
            load.join()
            self.report(f"auth and registry killed {kills} times", load)
            self.assertGreaterEqual(kills, 4)
            wait_until(lambda: {"maestro-auth", "maestro-registry"} <= set(house.children()), "the supervisor has restarted both", 30)
            house.directories.providers({"fake": provider_entry(fake.url, ("fake-model", "after")) })
            house.wait_for_model("fake/after", timeout=15)


class GatewayAlone(unittest.TestCase):
    def test_a_gateway_comes_back_from_its_snapshot(self):
        with FakeProvider() as fake:
            providers = {"open": provider_entry(fake.url), "keyed": provider_entry(fake.url, allow_unauthenticated=False)}
            with Apart(providers, credentials={"keyed": PROVIDER_KEY}) as house:
                self.assertEqual(house.chat(model="keyed/fake-model").status, 200)
                state = house.directories.data / "state"
                wait_until(lambda: all((state / name).exists() for name in ("catalog.pb", "keys.pb")), "snapshots are written", 10)
                for name in ("registry", "auth", "gateway"):
                    house.kill(name)
                house.leased = []  # there is nobody to give leases
                for path in state.iterdir():
                    content = path.read_bytes()
                    self.assertNotIn(PROVIDER_KEY.encode(), content)
                    self.assertNotIn(house.key.encode(), content)
                    self.assertEqual(path.stat().st_mode & 0o777, 0o600)
                house.start_gateway()
                self.assertEqual(house.chat(model="open/fake-model").status, 200)
                self.assertEqual(house.post(CHAT, {"model": "open/fake-model", "messages": []}, {"Authorization": "Bearer wrong"}).status, 401)
                self.assertEqual(set(house.models()), {"open/fake-model", "keyed/fake-model"})
                reply = house.chat(model="keyed/fake-model")
                self.assertEqual(reply.status, 503, reply.body)
                self.assertIn("keyed", reply.json["error"]["message"])
                self.assertIn("auth", reply.json["error"]["message"])
                house.start_one("auth", "--listen", house.unix["auth"])
                house.start_one("registry", "--listen", house.unix["registry"], "--auth", house.unix["auth"])
                wait_until(lambda: house.chat(model="keyed/fake-model").status == 200, "the lease is back", 15)

    def test_a_damaged_snapshot_is_ignored_with_one_line(self):
        with FakeProvider() as fake, Apart({"fake": provider_entry(fake.url)}) as house:
            state = house.directories.data / "state"
            wait_until(lambda: all((state / name).exists() for name in ("catalog.pb", "keys.pb")), "snapshots are written", 10)
            house.kill("gateway")
            for path in state.iterdir():
                content = bytearray(path.read_bytes())
                content[-1] ^= 1
                path.write_bytes(content)
            house.start_gateway()
            self.assertEqual(house.chat().status, 200)
            gateway = house.processes["gateway"]
            for name in ("catalog.pb", "keys.pb"):
                wait_until(lambda: gateway.output.count(name) > 0, f"the log names {name}", 5)
                self.assertEqual(gateway.output.count(name), 1)

    def test_a_gateway_without_snapshot_is_not_ready_until_both_are_there(self):
        with FakeProvider() as fake:
            house = Apart({"fake": provider_entry(fake.url)})
            self.addCleanup(house.directories.remove)
            self.addCleanup(house.stop)
            house.start_gateway(ready=False)
            self.assertEqual(house.get("/health").status, 200)
            self.assertEqual(house.get("/ready").status, 503)
            self.assertIn(house.chat().status, (401, 503))
            started = time.monotonic()
            house.start_one("auth", "--listen", house.unix["auth"])
            house.start_one("registry", "--listen", house.unix["registry"], "--auth", house.unix["auth"])
            house.wait_ready()
            took = time.monotonic() - started
            print(f"a gateway that was there first was ready {took * 1000:.0f} ms after auth and registry started")
            self.assertEqual(house.chat().status, 200)
            self.assertLess(took, 2.0)


class Supervisor(unittest.TestCase):
    def test_each_killed_child_is_started_again(self):
        with FakeProvider() as fake, House({"fake": provider_entry(fake.url)}) as house:
            for name in ("maestro-auth", "maestro-registry", "maestro-gateway"):
                with self.subTest(name):
                    old = house.kill(name)
                    wait_until(lambda: house.children().get(name, old) != old, f"{name} is back", 15)
                    house.wait_ready()
                    self.assertEqual(house.chat().status, 200)
                    self.assertIn(name.removeprefix("maestro-"), house.log)

    def test_no_child_outlives_a_killed_supervisor(self):
        with FakeProvider() as fake:
            house = House({"fake": provider_entry(fake.url)})
            self.addCleanup(house.directories.remove)
            house.start()
            children = house.children()
            self.assertEqual(len(children), 3)
            house.process.signal(signal.SIGKILL)
            house.process.wait()
            for name, pid in children.items():
                wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"{name} is gone", 5)

    def test_sigterm_lets_a_stream_end_and_exits_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), FakeProvider() as fake:
                house = House({"fake": provider_entry(fake.url)})
                self.addCleanup(house.directories.remove)
                house.start()
                with house.wire(30) as wire:
                    body = json.dumps({"model": "fake/fake-model", "messages": [], "stream": True}).encode()
                    wire.send(request_bytes("POST", CHAT, house.headers({"x-fake": "events=30;slow=40"}), body))
                    reply = wire.read_head()
                    pieces = wire.pieces(reply)
                    got = next(pieces)
                    house.process.signal(number)
                    got += b"".join(pieces)
                    self.assertTrue(reply.complete)
                    self.assertTrue(got.endswith(b"data: [DONE]\n\n"), got[-200:])
                self.assertEqual(house.process.wait(20), 0)

    def test_draining_has_an_end(self):
        with FakeProvider() as fake:
            house = House({"fake": provider_entry(fake.url)}, arguments=("--drain-time", "1"))
            self.addCleanup(house.directories.remove)
            house.start()
            with house.wire(30) as wire:
                body = json.dumps({"model": "fake/fake-model", "messages": [], "stream": True}).encode()
                wire.send(request_bytes("POST", CHAT, house.headers({"x-fake": "stall-after=2;seconds=60"}), body))
                next(wire.pieces(wire.read_head()))
                started = time.monotonic()
                house.process.signal(signal.SIGTERM)
                self.assertEqual(house.process.wait(20), 0)
                self.assertLess(time.monotonic() - started, 8)

    def test_the_house_is_ready_within_a_second_and_then_answers(self):
        times = []
        for _ in range(5):
            with FakeProvider() as fake:
                house = House({"fake": provider_entry(fake.url)})
                self.addCleanup(house.directories.remove)
                house.leased = []  # nothing but /ready is waited for
                house.start()
                reply = house.chat()
                house.stop()
                times.append(house.ready_after)
                self.assertEqual(reply.status, 200, reply.body)
        print("ready after " + ", ".join(f"{t * 1000:.0f}" for t in times) + " ms")
        self.assertLess(sorted(times)[len(times) // 2], 1.0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
