#include "net/framing.h"

#include <gtest/gtest.h>

namespace maestro::net {
namespace {

std::string with_lines(std::string_view lines) {
  return "POST /v1/x?a=1 HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

TEST(RequestHeadTest, is_taken_apart) {
  http::RequestHead head;
  const auto bytes = with_lines("Content-Length: 12\r\nExpect: 100-continue\r\nX-A:  b \r\n");
  std::size_t searched = 0;
  ASSERT_EQ(head_size(bytes, searched), bytes.size());
  ASSERT_TRUE(parse_request_head(bytes, head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/x");
  EXPECT_EQ(head.query, "a=1");
  EXPECT_EQ(head.framing, http::Framing::length);
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.find("x-a"), "b");
}

TEST(RequestHeadTest, what_two_readers_could_understand_differently_is_refused) {
  struct Case {
    const char* name;
    std::string bytes;
    const char* says;
  };
  const Case cases[] = {
      {"te_xchunked", with_lines("Transfer-Encoding: xchunked\r\n"), "only Transfer-Encoding"},
      {"te_list", with_lines("Transfer-Encoding: gzip, chunked\r\n"), "only Transfer-Encoding"},
      {"te_twice", with_lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "Transfer-Encoding"},
      {"te_then_cl", with_lines("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), "Content-Length"},
      {"cl_then_te", with_lines("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "Transfer-Encoding"},
      {"cl_twice_different", with_lines("Content-Length: 1\r\nContent-Length: 2\r\n"), "Content-Length"},
      {"cl_twice_equal", with_lines("Content-Length: 2\r\nContent-Length: 2\r\n"), "once"},
      {"cl_list", with_lines("Content-Length: 2, 2\r\n"), ""},
      {"cl_sign", with_lines("Content-Length: +2\r\n"), ""},
      {"cl_negative", with_lines("Content-Length: -2\r\n"), ""},
      {"cl_huge", with_lines("Content-Length: 99999999999999999999\r\n"), ""},
      {"cl_empty", with_lines("Content-Length:\r\n"), ""},
      {"two_hosts", with_lines("Host: other\r\n"), "Host is given more than once"},
      {"no_host", "GET / HTTP/1.1\r\n\r\n", "needs a Host"},
      {"folded", with_lines("X-A: b\r\n c\r\n"), "folded"},
      {"bare_lf", "GET / HTTP/1.1\nHost: h\n\n", "bare LF"},
      {"bare_lf_inside", with_lines("X-A: b\nX-C: d\r\n"), "bare LF"},
      {"te_in_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1"},
      {"nul", with_lines(std::string_view("X-A: b\0c\r\n", 10)), ""},
      {"space_before_colon", with_lines("X-A : b\r\n"), ""},
      {"no_version", "GET /\r\n\r\n", ""},
      {"http_2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", ""},
  };
  for (const auto& c : cases) {
    std::size_t searched = 0;
    const auto size = head_size(c.bytes, searched);
    ASSERT_GT(size, 0u) << c.name;
    http::RequestHead head;
    const auto parsed = parse_request_head(std::string_view(c.bytes).substr(0, size), head);
    ASSERT_FALSE(parsed) << c.name;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid_request) << c.name;
    EXPECT_NE(parsed.error().message.find(c.says), std::string::npos) << c.name << ": " << parsed.error().message;
  }
}

TEST(RequestHeadTest, size_is_found_however_the_bytes_come) {
  const auto bytes = with_lines("X-A: b\r\n");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    std::size_t searched = 0;
    EXPECT_EQ(head_size(std::string_view(bytes).substr(0, cut), searched), 0u) << cut;
    EXPECT_EQ(head_size(bytes, searched), bytes.size()) << cut;
  }
}

TEST(RequestHeadTest, too_many_headers_are_too_large) {
  std::string lines;
  for (std::size_t i = 0; i < limits::headers_max; ++i) lines += "X-" + std::to_string(i) + ": y\r\n";
  http::RequestHead head;
  const auto parsed = parse_request_head(with_lines(lines), head);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::too_large);
}

TEST(RequestHeadTest, connections_are_kept_as_the_version_and_header_say) {
  struct Case {
    std::string bytes;
    bool keep;
  };
  const Case cases[] = {
      {with_lines(""), true},
      {with_lines("Connection: close\r\n"), false},
      {with_lines("Connection: X-A, Close\r\n"), false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const auto& c : cases) {
    http::RequestHead head;
    ASSERT_TRUE(parse_request_head(c.bytes, head)) << c.bytes;
    EXPECT_EQ(head.keep_alive, c.keep) << c.bytes;
  }
}

TEST(ReplyHeadTest, framing_table) {
  struct Case {
    const char* name;
    std::string bytes;
    RequestMethod method;
    http::Framing framing;
  };
  const Case cases[] = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", RequestMethod::other, http::Framing::length},
      {"zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", RequestMethod::other, http::Framing::none},
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RequestMethod::other,
       http::Framing::chunked},
      {"close", "HTTP/1.1 200 OK\r\n\r\n", RequestMethod::other, http::Framing::until_close},
      {"no_content", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", RequestMethod::other, http::Framing::none},
      {"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", RequestMethod::head, http::Framing::none},
      {"interim", "HTTP/1.1 100 Continue\r\n\r\n", RequestMethod::other, http::Framing::none},
  };
  for (const auto& c : cases) {
    http::ReplyHead head;
    ASSERT_TRUE(parse_reply_head(c.bytes, c.method, head)) << c.name;
    EXPECT_EQ(head.framing, c.framing) << c.name;
  }
  http::ReplyHead head;
  const auto parsed = parse_reply_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                                       RequestMethod::other, head);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::provider_failed);
}

struct Read {
  std::string payload;
  std::size_t consumed = 0;
  bool ended = false;
  std::optional<Error> error;
};

Read read_in(std::vector<std::string> pieces, http::Framing framing, std::uint64_t length = 0) {
  BodyReader reader;
  reader.start(framing, length);
  Read read;
  for (auto& piece : pieces) {
    auto got = reader.read(piece.data(), piece.size());
    if (!got) {
      read.error = got.error();
      return read;
    }
    read.payload += piece.substr(0, got->produced);
    read.consumed += got->consumed;
  }
  read.ended = reader.ended();
  return read;
}

TEST(BodyReaderTest, chunks_come_out_the_same_for_every_split) {
  const std::string body = "5;ext=1\r\nhello\r\nA\r\n 0123456\r\n\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n";
  const auto end = body.find("GET");
  for (std::size_t first = 0; first <= body.size(); ++first) {
    for (std::size_t second = first; second <= body.size(); second += 3) {
      const auto read = read_in({body.substr(0, first), body.substr(first, second - first), body.substr(second)},
                                http::Framing::chunked);
      ASSERT_FALSE(read.error) << read.error->message;
      EXPECT_EQ(read.payload, "hello 0123456\r\n");
      EXPECT_TRUE(read.ended);
      EXPECT_EQ(read.consumed, end) << "the next request is left alone";
    }
  }
}

TEST(BodyReaderTest, broken_chunks_are_refused) {
  const std::string long_extension = "5;" + std::string(limits::chunk_extension_bytes_max + 1, 'x') + "\r\nhello\r\n";
  const std::string long_trailer = "0\r\nX: " + std::string(limits::trailer_bytes_max, 'x') + "\r\n\r\n";
  for (const auto& body :
       {std::string("x\r\n"), std::string("\r\n"), std::string("5\nhello"), std::string("5\r\nhelloX\r\n"),
        std::string("5\r\nhello\rX"), std::string("1000000000000000\r\n"), std::string("0\r\n\rX"),
        std::string("0\r\nX: y\n"), std::string("-1\r\n"), long_extension, long_trailer}) {
    const auto read = read_in({body}, http::Framing::chunked);
    ASSERT_TRUE(read.error) << body.substr(0, 40);
    EXPECT_EQ(read.error->kind, ErrorKind::invalid_request);
  }
}

TEST(BodyReaderTest, a_length_ends_where_it_says_and_a_cut_is_noticed) {
  const auto read = read_in({"hel", "loGET"}, http::Framing::length, 5);
  EXPECT_EQ(read.payload, "hello");
  EXPECT_TRUE(read.ended);
  EXPECT_EQ(read.consumed, 5u);
  BodyReader cut;
  cut.start(http::Framing::length, 5);
  EXPECT_FALSE(cut.end_of_connection());
  BodyReader until_close;
  until_close.start(http::Framing::until_close, 0);
  EXPECT_FALSE(until_close.ended());
  EXPECT_TRUE(until_close.end_of_connection());
  EXPECT_TRUE(until_close.ended());
}

}  // namespace
}  // namespace maestro::net
