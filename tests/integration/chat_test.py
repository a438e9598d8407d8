#!/usr/bin/env python3
"""A chat through three real processes: whole and streamed, byte for byte."""

import hashlib
import json
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fake_replies
from house import CHAT, HouseCase
from wire_client import events_of, request_bytes

# Odd but valid: white space, key order, unknown fields, escapes, big numbers, a nested "model", a key that looks like one.
ODD_BODY = (
    '\n\t{ "z_unknown" : {"model":"inner","n": 1.50e+2,"big":123456789012345678901234567890 , "e":""},\r\n'
    '"messages":[ {"content":"\\u00e9 \\ud83d\\ude00 \\/ \\"model\\":\\"no\\"","role":"user","model":"nested"} ],'
    '"model" :   "%s"  ,"temperature":0.70,"metadata":{"model":"other"},"stream": %s,\n "a":[ ] , "\\u006dodels":[1] }  \n'
)


class Chat(HouseCase):
    def test_a_whole_reply_comes_back_byte_for_byte(self):
        reply = self.house.chat("Say hello")
        self.assertEqual(reply.status, 200, reply.body)
        sent = self.fake.chats()[-1]
        self.assertEqual(hashlib.sha256(reply.body).hexdigest(), hashlib.sha256(sent.reply_body).hexdigest())
        self.assertEqual(reply.json["choices"][0]["message"]["content"], fake_replies.DEFAULT_TEXT)
        self.assertEqual(reply.header("content-type"), "application/json")

    def test_a_streamed_reply_comes_back_byte_for_byte(self):
        reply = self.house.chat("Say hello", stream=True)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertTrue(reply.complete)
        self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)
        self.assertEqual(reply.data[-1], "[DONE]")
        words = [json.loads(d)["choices"][0]["delta"].get("content") or "" for d in reply.data[:-1]]
        self.assertEqual("".join(words), fake_replies.DEFAULT_TEXT)

    def test_a_stream_has_the_headers_that_keep_proxies_from_buffering(self):
        reply = self.house.chat(stream=True)
        self.assertTrue(reply.header("content-type").startswith("text/event-stream"), reply.headers)
        self.assertIn("no-cache", reply.header("cache-control"))
        self.assertEqual(reply.header("x-accel-buffering"), "no")
        self.assertIsNone(reply.header("content-length"))

    def test_the_provider_sees_the_clients_bytes_but_for_the_model(self):
        for stream in ("false", "true"):
            with self.subTest(stream=stream):
                self.fake.clear()
                reply = self.house.post(CHAT, (ODD_BODY % ("fake/fake-model", stream)).encode())
                self.assertEqual(reply.status, 200, reply.body)
                expected = (ODD_BODY % ("fake-model", stream)).encode()
                self.assertEqual(self.fake.chats()[0].body, expected)

    def test_a_bare_model_name_leaves_every_byte_as_it_was(self):
        body = (ODD_BODY % ("fake-model", "false")).encode()
        self.assertEqual(self.house.post(CHAT, body).status, 200)
        self.assertEqual(self.fake.chats()[0].sha256, hashlib.sha256(body).hexdigest())

    def test_an_escaped_model_name_is_understood(self):
        body = b'{"model":"fake\\/fake\\u002dmodel","messages":[{"role":"user","content":"hi"}]}'
        self.assertEqual(self.house.post(CHAT, body).status, 200)
        self.assertEqual(json.loads(self.fake.chats()[0].body)["model"], "fake-model")

    def test_a_second_model_key_cannot_reach_a_model_that_was_not_asked_for(self):
        body = b'{"model":"fake/fake-model","messages":[{"role":"user","content":"hi"}],"model":"expensive"}'
        reply = self.house.post(CHAT, body)
        if reply.status == 200:
            self.assertEqual(json.loads(self.fake.chats()[0].body)["model"], "fake-model")
            self.assertNotIn(b"expensive", self.fake.chats()[0].body)
        else:
            self.assert_error(reply, 400, "model")
            self.assertEqual(self.fake.chats(), [])

    def test_unusual_reply_bytes_pass_unchanged(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                reply = self.house.chat(stream=stream, fake="odd")
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)

    def test_a_reply_in_single_bytes_passes_unchanged(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                reply = self.house.chat(stream=stream, fake="chunk=1;odd", timeout=30)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)
                self.assertTrue(reply.complete)

    def test_large_bodies_pass_both_ways(self):
        prompt = "".join(f"line {i} é\n" for i in range(400_000))  # over 5 MB
        reply = self.house.chat(prompt, fake="bytes=6000000", timeout=60)
        self.assertEqual(reply.status, 200, reply.body[:300])
        sent = self.fake.chats()[-1]
        self.assertEqual(json.loads(sent.body)["messages"][0]["content"], prompt)
        self.assertEqual(reply.body, sent.reply_body)

    def test_one_huge_event_passes(self):
        reply = self.house.chat(stream=True, fake="huge=2", timeout=60)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)

    def test_usage_comes_when_it_is_asked_for(self):
        reply = self.house.chat("one two three", stream=True, stream_options={"include_usage": True})
        last = json.loads(reply.data[-2])
        self.assertEqual(last["choices"], [])
        self.assertEqual(last["usage"]["prompt_tokens"], 3)
        self.assertEqual(reply.data[-1], "[DONE]")
        plain = self.house.chat("one two three", stream=True)
        self.assertNotIn(b'"usage"', plain.body)
        whole = self.house.chat("one two three")
        self.assertEqual(whole.json["usage"]["prompt_tokens"], 3)

    def test_a_tool_run_in_two_turns(self):
        tools = [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}]
        for stream in (False, True):
            with self.subTest(stream=stream):
                ask = {"role": "user", "content": "Run `cat token.txt` please"}
                first = self.house.chat(messages=[ask], tools=tools, stream=stream)
                self.assertEqual(first.status, 200, first.body)
                call = self.call_of(first, stream)
                self.assertEqual(json.loads(call["function"]["arguments"])["command"], "cat token.txt")
                talk = [ask, {"role": "assistant", "content": None, "tool_calls": [call]},
                        {"role": "tool", "tool_call_id": call["id"], "content": "token-4711"}]
                second = self.house.chat(messages=talk, tools=tools, stream=stream)
                self.assertIn(b"token-4711", second.body)

    def call_of(self, reply, stream) -> dict:
        if not stream:
            self.assertEqual(reply.json["choices"][0]["finish_reason"], "tool_calls")
            return reply.json["choices"][0]["message"]["tool_calls"][0]
        call = {"type": "function", "function": {"name": "", "arguments": ""}}
        for data in reply.data[:-1]:
            for part in json.loads(data)["choices"][0]["delta"].get("tool_calls", []):
                call["id"] = part.get("id", call.get("id"))
                for key, value in part["function"].items():
                    call["function"][key] += value
        return call

    def test_events_are_passed_on_as_they_come(self):
        with self.house.wire() as wire:
            body = json.dumps({"model": "fake/fake-model", "stream": True, "messages": []}).encode()
            wire.send(request_bytes("POST", CHAT, self.house.headers({"x-fake": "events=4;slow=150"}), body))
            reply = wire.read_head()
            first = next(wire.pieces(reply))
            self.assertIn(b"data:", first)
            self.assertEqual(self.fake.chats()[0].finished_at, 0.0, "the first event came only after the whole stream")
            self.assertLess(len(events_of(first)), 4)

    def test_many_streams_at_once(self):
        failures = []

        def one(number):
            reply = self.house.chat(f"stream {number}", stream=True, fake="events=20;slow=10", timeout=60)
            if reply.status != 200 or not reply.data or reply.data[-1] != "[DONE]":
                failures.append((number, reply.status, reply.body[-200:]))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        self.assertEqual(failures, [])

    def test_http_1_0_and_close_delimited_replies_of_a_provider(self):
        for fake in ("http10", "close-delimited", "trailers", "whole-chunked", "interim"):
            for stream in (False, True):
                with self.subTest(fake=fake, stream=stream):
                    reply = self.house.chat(stream=stream, fake=fake)
                    self.assertEqual(reply.status, 200, reply.body)
                    self.assertTrue(reply.complete)
                    self.assertEqual(reply.body, self.fake.chats()[-1].reply_body)
                    self.assertEqual(reply.trailers, b"")


class SilentProvider(HouseCase):
    environment = {"ROUTER_MAESTRO_HEARTBEAT_INTERVAL": 0.3}

    def start_chat(self, fake, stream=True):
        wire = self.house.wire()
        self.addCleanup(wire.close)
        body = json.dumps({"model": "fake/fake-model", "stream": stream, "messages": []}).encode()
        wire.send(request_bytes("POST", CHAT, self.house.headers({"x-fake": fake}), body))
        return wire

    def test_a_heartbeat_comes_after_silence_and_only_between_events(self):
        reply = self.house.chat(stream=True, fake="stall-after=3;seconds=1.2;events=5")
        comments = [e for e in reply.events if e.data is None]
        self.assertGreaterEqual(len(comments), 2, reply.body)
        for comment in comments:
            self.assertTrue(comment.raw.startswith(b":"), comment.raw)
        sent = events_of(self.fake.chats()[-1].reply_body)
        self.assertEqual([e.raw for e in reply.events if e.data is not None], [e.raw for e in sent])
        self.assertEqual(reply.data[-1], "[DONE]")

    def test_the_head_and_a_heartbeat_come_before_a_slow_first_event(self):
        for stall in ("stall-head=1.2", "stall-after=0;seconds=1.2"):
            with self.subTest(stall=stall):
                started = time.monotonic()
                wire = self.start_chat(stall)
                reply = wire.read_head()
                self.assertEqual(reply.status, 200)
                first = next(wire.pieces(reply))
                self.assertTrue(first.startswith(b":"), first)
                self.assertLess(time.monotonic() - started, 1.0)
                rest = b"".join(wire.pieces(reply))
                self.assertEqual(events_of(rest)[-1].data, "[DONE]")

    def test_a_late_error_after_the_early_head_comes_in_band_and_without_done(self):
        for fake in ("stall-head=0.8;status=500", "stall-head=0.8;status=429;retry-after=7", "stall-head=0.8;close-first"):
            with self.subTest(fake=fake):
                reply = self.house.chat(stream=True, fake=fake)
                self.assertEqual(reply.status, 200)
                self.assertNotIn("[DONE]", reply.data)
                self.assertIn("fake", json.loads(reply.data[-1])["error"]["message"])

    def test_a_whole_reply_has_no_early_head(self):
        wire = self.start_chat("stall-head=1.0;status=429;retry-after=7", stream=False)
        reply = wire.read_reply()
        self.assertEqual((reply.status, reply.header("retry-after")), (429, "7"))


class LeavingClient(HouseCase):
    """A client that leaves ends the provider's call within 100 ms; the bound here leaves room for a busy machine."""

    BOUND = 0.5

    def leave(self, fake, stream, read):
        wire = self.house.wire()
        body = json.dumps({"model": "fake/fake-model", "stream": stream, "messages": []}).encode()
        wire.send(request_bytes("POST", CHAT, self.house.headers({"x-fake": fake}), body))
        if read:
            next(wire.pieces(wire.read_head()))
        exchange = self.fake.wait_for(lambda: self.fake.chats() and self.fake.chats()[-1])
        # The watch for a leaving client is armed after a request has waited 50 ms: be there, then leave.
        self.fake.wait_for(lambda: time.monotonic() - exchange.received_at > 0.12)
        self.assertFalse(exchange.closed_early)
        left_at = time.monotonic()
        wire.close()
        self.assertTrue(self.fake.wait_for(lambda: exchange.closed_early, 5), "the provider's call went on")
        took = exchange.closed_at - left_at
        print(f"the provider saw the close {took * 1000:.1f} ms after the client left ({fake}, stream {stream})")
        self.assertLess(took, self.BOUND)

    def test_in_a_stream(self):
        self.leave("stall-after=3;seconds=20", True, True)

    def test_in_a_busy_stream(self):
        self.leave("events=2000;slow=10", True, True)

    def test_before_the_first_event(self):
        self.leave("stall-head=20", True, False)

    def test_before_a_whole_reply(self):
        self.leave("stall-head=20", False, False)

    def test_inside_a_whole_reply(self):
        self.leave("bytes=100000;stall-after=70000;seconds=20", False, True)

    def test_the_gateway_goes_on(self):
        self.assertEqual(self.house.chat().status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
