#!/usr/bin/env python3
"""Framing that two readers could understand differently is refused, on both legs.

Each test of the client's leg sends a doubtful request and, in the same write, a second one hidden behind it. Right is:
one 400 (or what the row says), a closed connection, and nothing of either request at the provider.
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from house import CHAT, HouseCase, SERVER_KEY
from wire_client import Closed

BODY = json.dumps({"model": "fake/fake-model", "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SERVER_KEY}\r\nContent-Type: application/json\r\n".encode()
SECOND = (f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SERVER_KEY}\r\nX-Smuggled: yes\r\n"
          f"Content-Length: {len(BODY)}\r\n\r\n").encode() + BODY
CHUNKED_BODY = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


class ClientLeg(HouseCase):
    def refused(self, request: bytes, statuses=(400,)):
        with self.house.wire() as wire:
            try:
                wire.send(request + SECOND)
            except OSError:
                pass
            reply = wire.read_reply()
            self.assertIn(reply.status, statuses, reply.body)
            self.assert_error(reply, reply.status)
            self.assertEqual((reply.header("connection") or "").lower(), "close")
            with self.assertRaises(Closed, msg="the next pipelined request was reached") as closed:
                wire.read_reply()
            self.assertEqual(closed.exception.seen, b"")
        self.assertEqual(self.house.get("/health").status, 200)
        self.assertEqual(self.fake.chats(), [], "a request reached the provider")

    def test_transfer_encoding_xchunked(self):
        self.refused(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED_BODY)

    def test_transfer_encoding_gzip_chunked(self):
        self.refused(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKED_BODY)

    def test_transfer_encoding_chunked_twice_in_a_list(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKED_BODY)

    def test_transfer_encoding_in_two_lines(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED_BODY)

    def test_transfer_encoding_identity(self):
        self.refused(HEAD + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\n" + BODY)

    def test_transfer_encoding_with_a_tab(self):
        self.refused(HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKED_BODY)

    def test_transfer_encoding_in_quotes(self):
        self.refused(HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKED_BODY)

    def test_transfer_encoding_empty(self):
        self.refused(HEAD + b"Transfer-Encoding:\r\n" + LENGTH + b"\r\n" + BODY)

    def test_transfer_encoding_before_content_length(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKED_BODY)

    def test_content_length_before_transfer_encoding(self):
        self.refused(HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED_BODY)

    def test_two_equal_content_lengths(self):
        self.refused(HEAD + LENGTH + LENGTH + b"\r\n" + BODY)

    def test_two_different_content_lengths(self):
        self.refused(HEAD + LENGTH + b"Content-Length: 0\r\n\r\n" + BODY)

    def test_a_list_as_content_length(self):
        self.refused(HEAD + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY)

    def test_content_length_that_is_no_number(self):
        for value in (b"-1", b"+%d" % len(BODY), b"0x10", b"1 0", b"", b"1e2", b"%d;" % len(BODY)):
            with self.subTest(value):
                self.refused(HEAD + b"Content-Length: " + value + b"\r\n\r\n" + BODY)

    def test_content_length_beyond_64_bits(self):
        self.refused(HEAD + b"Content-Length: 18446744073709551617\r\n\r\n" + BODY, (400, 413))

    def test_a_folded_header_line(self):
        self.refused(HEAD + b"X-Folded: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY)

    def test_a_folded_transfer_encoding(self):
        self.refused(HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED_BODY)

    def test_bare_line_feeds_in_the_head(self):
        self.refused(HEAD + b"X-Bare: a\n" + LENGTH + b"\r\n" + BODY)

    def test_a_head_of_bare_line_feeds(self):
        self.refused(HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n")

    def test_a_bare_carriage_return_in_a_value(self):
        self.refused(HEAD + b"X-Bare: a\rContent-Length: 0\r\n" + LENGTH + b"\r\n" + BODY)

    def test_two_hosts(self):
        self.refused(HEAD + b"Host: b\r\n" + LENGTH + b"\r\n" + BODY)

    def test_two_equal_hosts(self):
        self.refused(HEAD + b"Host: a\r\n" + LENGTH + b"\r\n" + BODY)

    def test_no_host(self):
        self.refused(HEAD.replace(b"Host: a\r\n", b"") + LENGTH + b"\r\n" + BODY)

    def test_transfer_encoding_in_http_1_0(self):
        self.refused(HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED_BODY)

    def test_a_space_before_the_colon(self):
        self.refused(HEAD + b"Content-Length : %d\r\n\r\n" % len(BODY) + BODY)

    def test_a_nul_in_a_header_value(self):
        self.refused(HEAD + b"X-Nul: a\x00b\r\n" + LENGTH + b"\r\n" + BODY)

    def test_a_nul_in_a_header_name(self):
        self.refused(HEAD + b"X-N\x00l: a\r\n" + LENGTH + b"\r\n" + BODY)

    def test_a_header_line_without_a_colon(self):
        self.refused(HEAD + b"nonsense\r\n" + LENGTH + b"\r\n" + BODY)

    def test_a_space_in_the_target(self):
        self.refused(HEAD.replace(CHAT.encode(), CHAT.encode() + b" x") + LENGTH + b"\r\n" + BODY)

    def test_another_http_version(self):
        self.refused(HEAD.replace(b"HTTP/1.1", b"HTTP/2.0") + LENGTH + b"\r\n" + BODY, (400, 505))

    def test_no_http_at_all(self):
        self.refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")

    def test_a_space_after_a_chunk_size(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n")

    def test_a_bad_chunk_size(self):
        for size in (b"xyz", b"-5", b"0x5", b"", b" 5", b"+5", b"1_0"):
            with self.subTest(size):
                self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n")

    def test_a_chunk_size_beyond_64_bits(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n", (400, 413))

    def test_a_chunk_that_is_longer_than_it_says(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello world\r\n0\r\n\r\n")

    def test_a_chunk_size_line_with_a_bare_line_feed(self):
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n")

    def test_chunk_extensions_over_256_bytes(self):
        body = b"%x;%s\r\n%s\r\n0\r\n\r\n" % (len(BODY), b"e" * 300, BODY)
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    def test_trailers_without_an_end(self):
        body = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY) + b"X-T: %s\r\n" % (b"t" * 1000) * 40
        self.refused(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    def test_a_good_request_before_a_bad_one_is_answered(self):
        with self.house.wire() as wire:
            wire.send(HEAD + LENGTH + b"\r\n" + BODY + HEAD + LENGTH + LENGTH + b"\r\n" + BODY + SECOND)
            self.assertEqual(wire.read_reply().status, 200)
            self.assertEqual(wire.read_reply().status, 400)
            self.assertTrue(wire.is_closed_within(5))
        self.assertEqual(len(self.fake.chats()), 1)

    def test_a_get_with_a_body_does_not_become_a_second_request(self):
        with self.house.wire() as wire:
            hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
            wire.send(b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
                      + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(wire.read_reply().json, {"status": "healthy"})
            try:
                second = wire.read_reply()
            except Closed:
                return  # to close instead of reading the body is right as well
            self.assertEqual(second.json.get("name"), "Router-Maestro")

    def test_a_refusal_with_an_unread_body_closes_the_connection(self):
        with self.house.wire() as wire:
            wrong = HEAD.replace(SERVER_KEY.encode(), b"wrong")
            wire.send(wrong + b"Content-Length: 1000000\r\n\r\n" + SECOND)
            self.assertEqual(wire.read_reply().status, 401)
            self.assertTrue(wire.is_closed_within(5))
        self.assertEqual(self.fake.chats(), [])


class ProviderLeg(HouseCase):
    def test_replies_with_doubtful_framing_are_502(self):
        for name in ("te-cl", "cl-te", "cl-cl", "cl-list", "xchunked", "fold", "bare-lf"):
            for stream in (False, True):
                with self.subTest(name, stream=stream):
                    self.assert_error(self.house.chat(stream=stream, fake=f"head={name}"), 502, "fake", "api_error")

    def test_a_head_too_large_is_502(self):
        self.assert_error(self.house.chat(fake="huge-head=300"), 502, "fake", "api_error")

    def test_the_connection_is_not_used_again(self):
        with self.house.wire() as wire:
            before = self.fake.connections_total
            request = HEAD + b"X-Fake: head=cl-cl\r\n" + LENGTH + b"\r\n" + BODY
            wire.send(request)
            self.assertEqual(wire.read_reply().status, 502)
            used = self.fake.chats()[-1].connection
            wire.send(HEAD + LENGTH + b"\r\n" + BODY)
            self.assertEqual(wire.read_reply().status, 200)
            self.assertNotEqual(self.fake.chats()[-1].connection, used)
            self.assertGreaterEqual(self.fake.connections_total, before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
