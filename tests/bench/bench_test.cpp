// The benchmark's instruments: readers that must not depend on how the bytes are cut, and quantiles.
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "bench/histogram.h"
#include "bench/reply_reader.h"
#include "bench/stamp.h"

namespace maestro::bench {
namespace {

struct Read {
  std::string body;
  int status = 0;
  bool done = false;
  bool keep_alive = false;
};

Read read_in(const std::vector<std::string_view>& pieces) {
  ReplyReader reader;
  Read read;
  for (const auto piece : pieces) reader.feed(piece, [&](std::string_view body) { read.body += body; });
  read.status = reader.status();
  read.done = reader.done();
  read.keep_alive = reader.keep_alive();
  return read;
}

struct ReplyCase {
  std::string_view name;
  std::string_view bytes;
  Read want;
};

const ReplyCase reply_cases[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", {"hello", 200, true, true}},
    {"no_body", "HTTP/1.1 401 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", {"", 401, true, false}},
    {"chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
     {"hello0123456789", 200, true, true}},
    {"trailer",
     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n",
     {"a", 200, true, true}},
};

TEST(ReplyReaderTest, a_reply_reads_the_same_however_it_is_cut) {
  for (const auto& test : reply_cases) {
    for (std::size_t at = 0; at <= test.bytes.size(); ++at) {
      const auto read = read_in({test.bytes.substr(0, at), test.bytes.substr(at)});
      EXPECT_EQ(read.body, test.want.body) << test.name << " cut at " << at;
      EXPECT_EQ(read.status, test.want.status) << test.name << " cut at " << at;
      EXPECT_EQ(read.done, test.want.done) << test.name << " cut at " << at;
      EXPECT_EQ(read.keep_alive, test.want.keep_alive) << test.name << " cut at " << at;
    }
  }
}

TEST(ReplyReaderTest, bytes_of_the_next_reply_are_left_alone) {
  const std::string_view two = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n";
  ReplyReader reader;
  EXPECT_EQ(reader.feed(two, [](std::string_view) {}), two.find("HTTP", 5));
}

TEST(ReplyReaderTest, what_is_not_a_reply_is_malformed) {
  for (const std::string_view bytes :
       {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ReplyReader reader;
    reader.feed(bytes, [](std::string_view) {});
    EXPECT_TRUE(reader.malformed()) << bytes;
  }
}

TEST(StampFinderTest, every_stamp_is_found_once_in_every_two_way_split) {
  std::string body;
  for (const std::int64_t time : {1LL, 123'456'789'012LL}) {
    std::string digits(stamp_digits, '0');
    write_stamp(digits.data(), time);
    body += "data: {" + std::string{stamp_name} + digits + ",\"choices\":[]}\n\n";
  }
  body += stream_end;
  for (std::size_t at = 0; at <= body.size(); ++at) {
    StampFinder finder;
    std::vector<std::int64_t> found;
    for (const auto& piece : {body.substr(0, at), body.substr(at)})
      finder.feed(piece, [&](std::int64_t time) { found.push_back(time); });
    EXPECT_EQ(found, (std::vector<std::int64_t>{1, 123'456'789'012})) << "split at " << at;
    EXPECT_TRUE(finder.ended_well()) << "split at " << at;
  }
}

TEST(HistogramTest, quantiles_are_within_one_percent) {
  Histogram histogram;
  for (std::int64_t value = 1; value <= 1'000'000; ++value) histogram.add(value);
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    const auto exact = share * 1e6;
    EXPECT_LT(std::abs(static_cast<double>(histogram.quantile_ns(share)) - exact), exact * 0.01) << share;
  }
}

TEST(HistogramTest, an_empty_one_says_zero_and_a_huge_value_is_kept_in_the_last_bucket) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile_ns(0.5), 0);
  histogram.add(std::int64_t{1} << 62);
  EXPECT_EQ(histogram.count(), 1U);
}

}  // namespace
}  // namespace maestro::bench
