#!/usr/bin/env python3
"""Every misbehaviour of a provider, whole and streamed: the status, the envelope, the provider's name, how often it was asked."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from house import CHAT, HouseCase, PROVIDER_KEY, provider_entry
from wire_client import request_bytes


class Faults(HouseCase):
    credentials = {"fake": PROVIDER_KEY}

    @classmethod
    def providers(cls):
        return {"fake": provider_entry(cls.fake.url, allow_unauthenticated=False)}

    def ask(self, fake, stream, times=1, **more):
        self.fake.clear()
        known_connections = self.fake.connections_total
        reply = self.house.chat(stream=stream, fake=fake, **more)
        chats = self.fake.chats()
        # A connection of an earlier case that went stale is replaced once, and that is no attempt.
        stale = chats[0].connection <= known_connections and not chats[0].reply_body and not chats[0].finished_at
        asked = len(chats) - (1 if stale and len(chats) > 1 else 0)
        self.assertEqual(asked, times, f"{fake}: the provider was asked {asked} times")
        return reply

    def post(self, wire, fake, stream=False):
        """On a connection of the test's own: one connection is one worker, so one pool of connections to the provider."""
        body = json.dumps({"model": "fake/fake-model", "messages": [], "stream": stream}).encode()
        wire.send(request_bytes("POST", CHAT, self.house.headers({"x-fake": fake} if fake else {}), body))
        return wire.read_reply()

    def assert_in_band(self, reply, says="fake"):
        """A 200 that began and then failed: exactly one error event, at the end, and no [DONE]."""
        self.assertEqual(reply.status, 200, reply.body)
        self.assertTrue(reply.complete, "the failure must be said in-band, with an orderly end")
        self.assertNotIn("[DONE]", reply.data)
        errors = [d for d in reply.data if d.startswith("{") and "error" in self.parsed(d)]
        self.assertEqual(len(errors), 1, reply.body[-600:])
        self.assertEqual(errors[0], reply.data[-1])
        error = json.loads(errors[0])["error"]
        self.assertLessEqual({"message", "type"}, set(error))
        self.assertIn(says, error["message"])
        self.assertNotIn(PROVIDER_KEY, error["message"])
        return error

    @staticmethod
    def parsed(data):
        try:
            return json.loads(data)
        except ValueError:
            return {}

    # Before the first event: a plain reply with the real status.

    def test_error_statuses(self):
        table = [(429, 429, "rate_limit_error"), (500, 500, "api_error"), (502, 502, "api_error"), (503, 503, "api_error"),
                 (504, 504, "api_error"), (529, 529, "rate_limit_error"), (400, 400, "invalid_request_error"),
                 (404, 404, "invalid_request_error"), (413, 413, "invalid_request_error"), (422, 422, "invalid_request_error")]
        for status, expected, kind in table:
            for stream in (False, True):
                with self.subTest(status=status, stream=stream):
                    reply = self.ask(f"status={status};message=the words of the provider {status}", stream)
                    # A refusal of the request keeps the provider's words alone: clients mend themselves by them.
                    named = [] if status in (400, 404, 413, 422) else ["fake"]
                    self.assert_error(reply, expected, [f"the words of the provider {status}", *named], kind)

    def test_a_refused_credential_is_502_and_not_the_clients_own_401(self):
        for status in (401, 403):
            for stream in (False, True):
                with self.subTest(status=status, stream=stream):
                    reply = self.house.chat(stream=stream, fake=f"status={status}")
                    self.assert_error(reply, 502, ["fake"])
                    self.assertIsNone(reply.header("www-authenticate"))

    def test_a_provider_that_repeats_the_key_does_not_leak_it(self):
        for status in (400, 401, 500):
            reply = self.house.chat(fake=f"status={status};message=Incorrect key {PROVIDER_KEY} given")
            self.assertNotIn(PROVIDER_KEY.encode(), reply.raw_head + reply.body)
        self.assertNotIn(PROVIDER_KEY, self.house.log)

    def test_retry_after_passes_in_whole_seconds(self):
        for given, expected in (("7", "7"), ("0.4", "1"), ("2.5", "3"), ("Wed, 21 Oct 2015 07:28:00 GMT", "0")):
            for status in (429, 503, 529):
                with self.subTest(given=given, status=status):
                    reply = self.ask(f"status={status};retry-after={given}", False)
                    self.assertEqual((reply.status, reply.header("retry-after")), (status, expected))

    def test_a_429_without_retry_after_still_gets_whole_seconds_or_none(self):
        reply = self.ask("status=429", True)
        self.assert_error(reply, 429)
        self.assertRegex(reply.header("retry-after") or "1", r"^\d+$")

    def test_errors_that_are_no_json(self):
        for kind in ("error-html", "error-plain"):
            for stream in (False, True):
                with self.subTest(kind, stream=stream):
                    reply = self.ask(f"status=500;{kind}", stream)
                    error = self.assert_error(reply, 500, "fake", "api_error")
                    self.assertNotIn("<html>", error["message"])

    def test_a_redirect_is_never_followed(self):
        for status in (301, 302, 307, 308):
            with self.subTest(status):
                reply = self.ask(f"status={status};location={self.fake.url}/elsewhere", False)
                self.assert_error(reply, 502, "fake", "api_error")
                self.assertIsNone(reply.header("location"))

    def test_connections_that_end_before_the_reply(self):
        for fake in ("cut-head", "malformed-head"):
            for stream in (False, True):
                with self.subTest(fake, stream=stream):
                    self.assert_error(self.ask(fake, stream), 502, "fake", "api_error")

    def test_a_fresh_connection_that_closes_without_a_byte_is_not_asked_again(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.house.wire() as wire:
                self.post(wire, "close-delimited")  # so that this worker has no connection that it could use again
                self.fake.clear()
                self.assert_error(self.post(wire, "close-first", stream), 502, "fake", "api_error")
                self.assertEqual(len(self.fake.chats()), 1)

    def test_an_error_body_inside_a_200(self):
        for fake in ("ok-with-error-body", "error-event-first"):
            for stream in (False, True):
                with self.subTest(fake, stream=stream):
                    reply = self.ask(fake, stream)
                    self.assertGreaterEqual(reply.status, 500, reply.body)
                    self.assert_error(reply, reply.status, "fake")

    def test_an_empty_reply(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                self.assert_error(self.ask("empty", stream), 502, "fake", "api_error")

    def test_a_malformed_first_event_or_body(self):
        self.assert_error(self.ask("malformed-first", True), 502, "fake", "api_error")
        self.assert_error(self.ask("malformed", False), 502, "fake", "api_error")

    def test_a_whole_reply_that_is_cut_early(self):
        for fake in ("cut=0", "cut=40", "reset=40"):
            with self.subTest(fake):
                self.assert_error(self.ask(fake, False), 502, "fake", "api_error")

    def test_a_whole_reply_that_is_cut_late_is_never_taken_for_complete(self):
        reply = self.ask("bytes=3000000;cut=2000000", False)
        if reply.status == 200:
            self.assertFalse(reply.complete)
        else:
            self.assert_error(reply, 502, "fake", "api_error")

    def test_a_stream_that_is_cut_before_its_first_event(self):
        for fake in ("cut=0", "reset=0", "cut=20"):
            with self.subTest(fake):
                self.assert_error(self.ask(fake, True), 502, "fake", "api_error")

    # After it: one failure in-band.

    def test_a_stream_that_is_cut_after_events(self):
        for fake in ("events=20;cut=1500", "events=20;reset=1500", "events=20;cut=1501", "events=20;cut=1700;slow=5"):
            with self.subTest(fake):
                self.assert_in_band(self.ask(fake, True))

    def test_a_close_delimited_stream_without_an_end_is_a_failure(self):
        for fake in ("http10;events=20;cut=1500", "close-delimited;no-finish"):
            with self.subTest(fake):
                self.assert_in_band(self.ask(fake, True))

    def test_an_error_event_in_the_middle(self):
        error = self.assert_in_band(self.ask("error-event-mid", True), "broke down")
        self.assertTrue(error["type"])

    def test_a_malformed_event_in_the_middle(self):
        self.assert_in_band(self.ask("malformed;slow=30", True))
        together = self.ask("malformed", True)  # seen before anything went to the client, it may still be a plain reply
        if together.status == 200:
            self.assert_in_band(together)
        else:
            self.assert_error(together, 502, "fake", "api_error")

    def test_a_stream_without_finish_and_done(self):
        self.assert_in_band(self.ask("no-finish", True))

    def test_a_stream_with_finish_but_without_done_is_whole(self):
        reply = self.ask("no-done", True)
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.complete)
        self.assertFalse([d for d in reply.data if "error" in self.parsed(d)], reply.body[-300:])
        self.assertIn('"finish_reason": "stop"', reply.body.decode())

    def test_a_cut_event_is_not_completed_by_the_gateway(self):
        reply = self.ask("events=20;cut=1500", True)
        whole_events = self.fake.chats()[0].reply_body.decode().count("\n\n")
        good = [d for d in reply.data if "choices" in self.parsed(d)]
        self.assertLessEqual(len(good), whole_events)

    # Limits of what a provider may send.

    def test_a_huge_event_passes_or_ends_the_stream_honestly(self):
        reply = self.house.chat(stream=True, fake="huge=9", timeout=60)
        if "[DONE]" in reply.data:
            self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)
        else:
            self.assert_in_band(reply)

    def test_a_huge_whole_reply_passes_or_fails_honestly(self):
        reply = self.house.chat(fake="huge=40", timeout=120)
        self.assertEqual(reply.status, 200)
        self.assertEqual(len(reply.body), len(self.fake.chats()[-1].reply_body))

    # Connections.

    def test_a_good_connection_is_used_again_after_an_error_reply(self):
        with self.house.wire():
            self.ask("status=500", False)
            first = self.fake.chats()[-1].connection
        seen = set()
        for _ in range(8):  # one per worker at most
            self.ask("", False)
            seen.add(self.fake.chats()[-1].connection)
        self.assertLess(len(seen), 8, (first, seen))

    def test_a_dead_reused_connection_is_replaced_once_and_not_counted(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.house.wire() as wire:
                self.post(wire, "close-delimited")
                self.assertEqual(self.post(wire, "die-on-reuse").status, 200)
                self.fake.clear()
                self.assertEqual(self.post(wire, "", stream).status, 200)
                dead, fresh = self.fake.chats()
                self.assertNotEqual(dead.connection, fresh.connection)
                self.assertEqual(dead.body, fresh.body)

    def test_a_dead_reused_connection_is_replaced_for_streams_too(self):
        for stream in (False, True):
            for _ in range(6):
                self.assertEqual(self.house.chat(stream=stream, fake="die-on-reuse").status, 200)

    def test_the_gateway_outlives_all_of_it(self):
        children = self.house.children()
        self.assertEqual({"maestro-gateway", "maestro-auth", "maestro-registry"}, set(children))
        self.assertEqual(self.house.chat().status, 200)


class ManyFaultsAtOnce(HouseCase):
    def test_good_requests_are_answered_beside_bad_ones(self):
        import threading

        faults = ["status=500", "cut=30", "reset=30", "malformed-head", "events=50;cut=900", "slow=20;events=20", "stall-head=0.3",
                  "chunk=1", "close-first", ""]
        failures = []

        def one(number):
            fake = faults[number % len(faults)]
            try:
                reply = self.house.chat(stream=number % 2 == 0, fake=fake, timeout=30)
                if fake in ("", "chunk=1", "stall-head=0.3", "slow=20;events=20") and reply.status != 200:
                    failures.append((number, fake, reply.status, reply.body[:200]))
            except Exception as error:  # whatever it is, the test shows it
                failures.append((number, fake, repr(error)))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(150)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
