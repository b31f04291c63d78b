// common/control/http_answer.h: RFC 9112's body framings, in pieces of any size, and what a broken response gets.
#include "common/control/http_answer.h"

#include <gtest/gtest.h>

#include <string>

namespace slash32::control {
namespace {

struct Framing {
  const char* name;
  std::string raw;
  int status;
  std::string body;
};

class Rfc9112 : public testing::TestWithParam<Framing> {};

TEST_P(Rfc9112, GivesTheSameBodyWhateverThePieces) {
  const auto& [name, raw, status, body] = GetParam();
  for (std::size_t piece = 1; piece <= raw.size(); ++piece) {
    HttpAnswerReader reader;
    for (std::size_t at = 0; at < raw.size(); at += piece) {
      ASSERT_TRUE(reader.feed(std::string_view{raw}.substr(at, piece))) << "pieces of " << piece;
    }
    ASSERT_TRUE(reader.finish()) << "pieces of " << piece;
    ASSERT_TRUE(reader.done());
    const HttpAnswer response = reader.take();
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, body);
  }
}

TEST_P(Rfc9112, TellsThatItWasCutOffUnlessTheCloseEndsIt) {
  const auto& raw = GetParam().raw;
  for (std::size_t length = 0; length < raw.size(); ++length) {
    HttpAnswerReader reader;
    ASSERT_TRUE(reader.feed(std::string_view{raw}.substr(0, length)));
    if (reader.done()) continue;
    const bool ends_with_close = raw.find("Content-Length") == std::string::npos && !raw.ends_with("0\r\n\r\n") &&
                                 length >= raw.find("\r\n\r\n") + 4;
    EXPECT_EQ(reader.finish().has_value(), ends_with_close) << "after " << length << " octets";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Framings, Rfc9112,
    testing::Values(
        Framing{"content_length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\"}", 200, "{\"a\"}"},
        Framing{"no_body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
        Framing{"chunked",
                "HTTP/1.1 200 OK\r\ntransfer-encoding:  Chunked\r\n\r\n3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\n\r\n",
                200, "abc0123456789"},
        Framing{"chunked_with_trailer",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n0\r\n\r\n", 200,
                "a"},
        Framing{"until_close", "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nno", 404, "no"},
        Framing{"interim_first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, "x"},
        Framing{"bare_line_feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, "x"},
        Framing{"no_content", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, ""}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(HttpAnswerReader, RefusesWhatIsNoResponse) {
  for (const char* raw :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 99 Low\r\n", "HTTP/2 200\r\n", "\r\n",
        "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"}) {
    HttpAnswerReader reader;
    EXPECT_FALSE(reader.feed(raw)) << raw;
  }
}

TEST(HttpAnswerReader, BoundsALine) {
  HttpAnswerReader reader;
  EXPECT_FALSE(reader.feed("HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x')));
}

TEST(HttpAnswerReader, RefusesHeadsAndTrailersWithoutEnd) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (const std::string& start : {std::string{"HTTP/1.1 200 OK\r\n"}, std::string{}, chunked}) {
    HttpAnswerReader reader;
    ASSERT_TRUE(reader.feed(start));
    const std::string more = start.empty() ? "HTTP/1.1 100 Continue\r\n\r\n" : "X-More: 1\r\n";
    Status fed;
    for (int i = 0; i < 10'000 && fed; ++i) fed = reader.feed(more);
    ASSERT_FALSE(fed) << start;
    EXPECT_NE(fed.error().message.find("head is longer than 65536 octets"), std::string::npos) << fed.error().message;
  }
}

TEST(HttpAnswerReader, KnowsNoStatusBeforeTheHeadIsWhole) {
  HttpAnswerReader reader;
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"));
  EXPECT_EQ(reader.status(), 0) << "who hangs within it has not begun to answer";
  ASSERT_TRUE(reader.feed("\r\n"));
  EXPECT_EQ(reader.status(), 200);
}

}  // namespace
}  // namespace slash32::control
