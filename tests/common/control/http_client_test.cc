// common/control/http_client.h: what is asked, what is made of the answer, and how long it is waited for.
#include "common/control/http_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>

namespace slash32::control {
namespace {

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours_ = UniqueFd{ends[0]};
    theirs_ = UniqueFd{ends[1]};
  }
  void will_answer(const std::string& text) { EXPECT_TRUE(write_all(theirs_.get(), text)); }
  std::string asked() {
    std::array<char, 4096> buffer{};
    const auto n = ::recv(theirs_.get(), buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }
  static Instant soon() { return std::chrono::steady_clock::now() + Seconds{60}; }
  UniqueFd ours_, theirs_;
};

TEST_F(HttpClientTest, AsksWithTheBodyAndGivesTheAnswerWhateverItsStatus) {
  will_answer("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno");
  const auto answer = ask(ours_.get(), {.method = "POST", .target = "/v1/x?y=1", .body = "{}"}, soon());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 409);
  EXPECT_EQ(answer->body, "no");
  EXPECT_EQ(asked(),
            "POST /v1/x?y=1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n{}");
}

TEST_F(HttpClientTest, WaitsNoLongerThanItsDeadline) {
  const auto answer = ask(ours_.get(), {.target = "/"}, std::chrono::steady_clock::now() + Milliseconds{20});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "no answer in time");
}

TEST_F(HttpClientTest, AnAnswerThatIsCutOffIsAnError) {
  will_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
  theirs_.reset();
  EXPECT_FALSE(ask(ours_.get(), {.target = "/"}, soon()));
}

TEST_F(HttpClientTest, AnAnswerThatIsTooLongIsAnError) {
  will_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde");
  const auto answer = ask(ours_.get(), {.target = "/", .most_body = 4}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the answer is longer than 4 octets");
}

TEST_F(HttpClientTest, AStreamIsGivenAsItComesUntilItIsEnough) {
  will_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  std::string got;
  const auto answer = ask_stream(
      ours_.get(), {.target = "/"},
      [&](std::string_view some) {
        got += some;
        return false;
      },
      soon());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(got, "abc");
}

TEST_F(HttpClientTest, AStreamThatIsRefusedIsAnAnswerAndNothingIsGiven) {
  will_answer("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull");
  bool given = false;
  const auto answer = ask_stream(ours_.get(), {.target = "/"}, [&](std::string_view) { return given = true; }, soon());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "full");
  EXPECT_FALSE(given);
}

TEST(ConnectUnix, SaysByErrnoWhyNobodyIsThere) {
  EXPECT_EQ(connect_unix("").error(), ENAMETOOLONG);
  EXPECT_EQ(connect_unix(std::string(kLongestSocketPath + 1, 'x')).error(), ENAMETOOLONG);
  std::string name = std::filesystem::temp_directory_path() / "http-client-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  EXPECT_EQ(connect_unix(name + "/none.sock").error(), ENOENT);
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace slash32::control
