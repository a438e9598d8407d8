#!/usr/bin/env python3
"""Providers, keys and models change under a running gateway: live, and never for the worse."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fake_provider import FakeProvider
from house import House, HouseCase, PROVIDER_KEY, SERVER_KEY, provider_entry, wait_until
from load import Load


class ProvidersFile(HouseCase):
    def setUp(self):
        super().setUp()
        self.start_afresh()

    def start_afresh(self):
        self.write({"fake": provider_entry(self.fake.url)})
        self.house.wait_for_models(["fake/fake-model"])
        wait_until(lambda: self.house.chat().status == 200, "it answers", 5)
        self.fake.clear()

    def write(self, providers):
        return self.house.directories.providers(providers)

    def test_a_hand_edit_is_live(self):
        best = 99.0
        for number in range(5):
            name = f"added-{number}"
            renamed_at = self.write({"fake": provider_entry(self.fake.url, ("fake-model", name))})
            self.house.wait_for_model(f"fake/{name}", timeout=2)
            took = time.monotonic() - renamed_at
            print(f"a hand edit was live after {took * 1000:.1f} ms")
            self.assertLess(took, 1.0)
            best = min(best, took)
            self.assertEqual(self.house.chat(model=f"fake/{name}").status, 200)
        self.assertLess(best, 0.1)

    def test_a_new_provider_is_live(self):
        for number in range(5):
            renamed_at = self.write({f"new-{number}": provider_entry(self.fake.url), "fake": provider_entry(self.fake.url)})
            wait_until(lambda: self.house.chat(model=f"new-{number}/fake-model").status == 200, "the new provider answers", 2, 0.001)
            took = time.monotonic() - renamed_at
            print(f"a new provider answered after {took * 1000:.1f} ms")
            self.assertLess(took, 1.0)

    def test_an_edit_in_place_is_live_too(self):
        path = self.house.directories.config / "providers.json"
        path.write_text(json.dumps({"providers": {"fake": provider_entry(self.fake.url, ("in-place",))}}))
        self.house.wait_for_model("fake/in-place", timeout=3)

    def test_a_removed_model_is_gone(self):
        self.write({"fake": provider_entry(self.fake.url, ("other",))})
        self.house.wait_for_model("fake/fake-model", present=False)
        self.assert_error(self.house.chat(), 404, "fake/fake-model")

    def test_a_bad_file_keeps_the_last_good_one_and_the_log_says_why(self):
        path = self.house.directories.config / "providers.json"
        for number, bad in enumerate(['{"providers": {"fake": ', "[]", '{"providers": []}', "", "\x00\x01", "{]"]):
            with self.subTest(bad):
                self.start_afresh()
                before = len(self.house.log)
                self.house.directories.write(path, bad)
                wait_until(lambda: "providers.json" in self.house.log[before:], "the log names the file", 5)
                self.assertEqual(self.house.models(), ["fake/fake-model"])
                self.assertEqual(self.house.chat().status, 200)
                self.assertEqual(path.read_text(), bad)
                self.write({"fake": provider_entry(self.fake.url, ("fake-model", f"next-{number}"))})
                self.house.wait_for_model(f"fake/next-{number}")
                self.write({"fake": provider_entry(self.fake.url)})
                self.house.wait_for_model(f"fake/next-{number}", present=False)

    def test_a_bad_entry_is_left_out_and_the_others_stay(self):
        bad = [{"type": "openai-compatible"}, {"type": "no-such-type", "baseURL": "http://a/v1"},
               {"baseURL": "no url", "models": {}}, {"baseURL": "http://a/v1", "models": ["x"]}, "text", None]
        for number, entry in enumerate(bad):
            with self.subTest(entry=entry):
                before = len(self.house.log)
                self.write({"bad": entry, "fake": provider_entry(self.fake.url, ("fake-model", f"beside-{number}"))})
                self.house.wait_for_model(f"fake/beside-{number}")
                self.assertEqual([m for m in self.house.models() if m.startswith("bad/")], [])
                wait_until(lambda: "providers.bad" in self.house.log[before:], "the log names the entry", 5)

    def test_a_file_that_is_deleted_takes_its_providers_away(self):
        (self.house.directories.config / "providers.json").unlink()
        self.house.wait_for_model("fake/fake-model", present=False)

    def test_many_quick_edits_end_in_the_last_one(self):
        for number in range(60):
            self.write({"fake": provider_entry(self.fake.url, ("fake-model", f"quick-{number}"))})
        self.house.wait_for_model("fake/quick-59")
        self.assertEqual(sorted(self.house.models()), ["fake/fake-model", "fake/quick-59"])

    def test_the_address_of_a_provider_changes(self):
        with FakeProvider() as other:
            self.write({"fake": provider_entry(other.url)})
            wait_until(lambda: self.house.chat().status == 200 and other.chats(), "requests go to the new address", 5)
            self.fake.clear()
            self.assertEqual(self.house.chat().status, 200)
            self.assertEqual(self.fake.chats(), [])

    def test_edits_cost_no_request(self):
        load = Load(self.house.port, self.house.key, 3000, threads=2).start()
        for number in range(40):
            self.write({"fake": provider_entry(self.fake.url, ("fake-model", f"edit-{number}"))})
            self.house.wait_for_model(f"fake/edit-{number}")
        self.assertEqual(load.join().failures[:3], [])

    def test_an_edit_in_place_never_shows_the_file_half_written(self):
        path = self.house.directories.config / "providers.json"
        text = path.read_text()
        load = Load(self.house.port, self.house.key, 2000, threads=2).start()
        for _ in range(20):
            with path.open("w") as file:  # what an editor without a temporary file does: truncate, then write
                file.flush()
                time.sleep(0.005)
                file.write(text[: len(text) // 2])
                file.flush()
                time.sleep(0.005)
                file.write(text[len(text) // 2 :])
        self.assertEqual(load.join().failures[:3], [])

    def test_a_running_stream_ends_with_what_it_began(self):
        with self.house.wire(30) as wire:
            from wire_client import request_bytes
            body = json.dumps({"model": "fake/fake-model", "messages": [], "stream": True}).encode()
            wire.send(request_bytes("POST", "/v1/chat/completions", self.house.headers({"x-fake": "events=20;slow=50"}), body))
            reply = wire.read_head()
            pieces = wire.pieces(reply)
            got = next(pieces)
            self.write({})
            self.house.wait_for_model("fake/fake-model", present=False)
            got += b"".join(pieces)
            self.assertTrue(got.endswith(b"data: [DONE]\n\n"))


class ModelLists(unittest.TestCase):
    def test_models_come_from_the_provider_when_the_file_has_none(self):
        with FakeProvider(("m-one", "m/two")) as fake:
            with House({"auto": provider_entry(fake.url, ())}) as house:
                house.wait_for_model("auto/m-one", timeout=10)
                self.assertEqual(sorted(house.models()), ["auto/m-one", "auto/m/two"])
                self.assertEqual(house.chat(model="auto/m/two").status, 200)

    def test_a_provider_that_cannot_list_is_asked_again(self):
        with FakeProvider(("late",)) as fake:
            fake.script("status=500", path="/v1/models")
            with House({"auto": provider_entry(fake.url, ())}) as house:
                house.wait_for_model("auto/late", timeout=30)


class SeveralProviders(unittest.TestCase):
    def test_a_bare_name_goes_to_the_first_provider_that_has_it(self):
        with FakeProvider() as one, FakeProvider() as two:
            order = {"zeta": provider_entry(one.url, ("shared", "z")), "alpha": provider_entry(two.url, ("shared", "a"))}
            with House(order) as house:
                one.clear(), two.clear()
                self.assertEqual(house.chat(model="shared").status, 200)
                self.assertEqual((len(one.chats()), len(two.chats())), (1, 0))
                self.assertEqual(house.chat(model="alpha/shared").status, 200)
                self.assertEqual((len(one.chats()), len(two.chats())), (1, 1))
                self.assertEqual(house.chat(model="a").status, 200)
                self.assertEqual(len(two.chats()), 2)
                house.directories.providers(dict(reversed(order.items())))
                wait_until(lambda: house.chat(model="shared").status == 200 and len(two.chats()) > 2, "the new order holds", 5)


class Credentials(unittest.TestCase):
    OPTIONS = {"allow_unauthenticated": False}

    def sent_key(self, fake, house, provider="fake"):
        reply = house.chat(model=f"{provider}/fake-model")
        self.assertEqual(reply.status, 200, reply.body)
        return fake.chats()[-1].header("authorization")

    def test_an_anonymous_provider_gets_no_authorization(self):
        with FakeProvider() as fake, House({"fake": provider_entry(fake.url)}) as house:
            self.assertIsNone(self.sent_key(fake, house))

    def test_a_key_of_auth_json(self):
        with FakeProvider() as fake:
            with House({"fake": provider_entry(fake.url, **self.OPTIONS)}, credentials={"fake": PROVIDER_KEY}) as house:
                self.assertEqual(self.sent_key(fake, house), f"Bearer {PROVIDER_KEY}")
                house.directories.credentials({"fake": "sk-the-next-key-123456"})
                wait_until(lambda: self.sent_key(fake, house) == "Bearer sk-the-next-key-123456", "the new key is used", 5)
                self.assertNotIn(PROVIDER_KEY, house.log)
                self.assertNotIn("sk-the-next-key-123456", house.log)

    def test_a_key_of_the_environment_wins_over_auth_json(self):
        with FakeProvider() as fake:
            with House({"my.fake-v2": provider_entry(fake.url, **self.OPTIONS)}, credentials={"my.fake-v2": "sk-of-the-file-1234567"},
                       environment={"MY_FAKE_V2_API_KEY": PROVIDER_KEY}) as house:
                self.assertEqual(self.sent_key(fake, house, "my.fake-v2"), f"Bearer {PROVIDER_KEY}")

    def test_a_named_variable_replaces_the_derived_one(self):
        options = self.OPTIONS | {"api_key_env": "MY_OWN_NAME"}
        with FakeProvider() as fake:
            with House({"fake": provider_entry(fake.url, **options)},
                       environment={"MY_OWN_NAME": PROVIDER_KEY, "FAKE_API_KEY": "sk-of-the-derived-name"}) as house:
                self.assertEqual(self.sent_key(fake, house), f"Bearer {PROVIDER_KEY}")

    def test_a_value_that_is_a_client_key_is_never_sent(self):
        for value in (SERVER_KEY, "sk-rm-anything-that-begins-so-0123456789"):
            with self.subTest(value), FakeProvider() as fake:
                with House({"fake": provider_entry(fake.url, **self.OPTIONS)}, environment={"FAKE_API_KEY": value}) as house:
                    self.assertEqual(house.chat().status, 503)
                    self.assertEqual(fake.chats(), [])

    def test_a_provider_without_a_key_waits_and_says_so_until_it_has_one(self):
        with FakeProvider() as fake, House({"fake": provider_entry(fake.url, **self.OPTIONS)}) as house:
            reply = house.chat()
            self.assertEqual(reply.status, 503, reply.body)
            self.assertIn("fake", reply.json["error"]["message"])
            self.assertEqual(fake.chats(), [])
            house.directories.credentials({"fake": PROVIDER_KEY})
            wait_until(lambda: house.chat().status == 200, "the new key is used", 5)


class ServerKey(unittest.TestCase):
    def contexts(self, house, key):
        house.directories.write(house.directories.config / "contexts.json",
                                {"current": "local", "contexts": {"local": {"endpoint": "http://localhost:8080", "api_key": key}}})

    def test_the_key_of_contexts_json_is_used_and_rotated(self):
        with FakeProvider() as fake:
            house = House({"fake": provider_entry(fake.url)}, key=None)
            self.addCleanup(house.directories.remove)
            house.key = "first-key-0123456789abcdef"
            self.contexts(house, house.key)
            house.start()
            self.addCleanup(house.stop)
            self.assertEqual(house.chat().status, 200)
            self.contexts(house, "second-key-0123456789abcdef")
            wait_until(lambda: house.chat().status == 401, "the old key is refused", 5)
            house.key = "second-key-0123456789abcdef"
            self.assertEqual(house.chat().status, 200)
            for secret in ("first-key-0123456789abcdef", "second-key-0123456789abcdef"):
                self.assertNotIn(secret, house.log)

    def test_a_key_is_made_kept_private_and_not_shown_off_a_terminal(self):
        with FakeProvider() as fake:
            house = House({"fake": provider_entry(fake.url)}, key=None)
            self.addCleanup(house.directories.remove)
            house.start()
            path = house.directories.config / "contexts.json"
            made = json.loads(path.read_text())["contexts"]["local"]["api_key"]
            self.assertRegex(made, r"^sk-rm-[A-Za-z0-9_-]{43}$")
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertNotIn(made, house.log)
            house.key = made
            self.assertEqual(house.chat().status, 200)
            self.assertEqual(house.stop(), 0)
            house.start()
            self.addCleanup(house.stop)
            self.assertEqual(house.chat().status, 200)

    def test_keys_that_cannot_be_meant_are_refused_at_start(self):
        for key in ("short", "$(openssl rand -hex 32)"):
            with self.subTest(key):
                house = House(key=key)
                self.addCleanup(house.directories.remove)
                with self.assertRaises(AssertionError) as refused:
                    house.start()
                    house.stop()
                self.assertIn("key", str(refused.exception).lower())
                self.assertNotEqual(house.process.wait(10), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
