// HTTP over a real unix socket, with a client that writes bytes as they come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

#include "common/control/http_server.h"
#include "common/fd.h"

namespace slash32::control {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

UniqueFd dial(const std::string& path) {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return UniqueFd{};
  return fd;
}

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/slash32-http-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/sub/control.sock";
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  void start(HttpServer::Handler handler) {
    auto server = HttpServer::open(context_, "slash32-bgpd", path_, std::move(handler));
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    server_->serve();
    thread_ = std::thread([this] { context_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    server_.reset();
  }
  /// Sends `request`, whose last line says Connection: close, and reads to the end.
  std::string talk(const std::string& request) {
    const UniqueFd fd = dial(path_);
    if (!fd) return "no connection";
    EXPECT_TRUE(write_all(fd.get(), request));
    return read_all(fd.get()).value_or("read failed");
  }
  std::string get(const std::string& target) {
    return talk("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  boost::asio::io_context context_;
  std::string folder_, path_;
  std::optional<HttpServer> server_;
  std::thread thread_;
};

HttpResponse echo(const HttpRequest& request) {
  std::string body = request.method + " " + request.path;
  for (const auto& [key, value] : request.query) body += " " + key + "=" + value;
  return {.status = 200, .body = body + " " + request.body, .more = nullptr};
}

TEST_F(HttpServerTest, AnswersWithPathAndQueryDecoded) {
  start(echo);
  const auto answer = get("/v1/routes?prefix=10.0.0.0%2F8&x=");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("GET /v1/routes prefix=10.0.0.0/8 x="));
}

TEST_F(HttpServerTest, TakesABody) {
  start(echo);
  EXPECT_THAT(talk("PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
              HasSubstr("PUT /v1/config hello"));
}

TEST_F(HttpServerTest, AnswersTwoRequestsOnOneConnection) {
  start(echo);
  const auto answer = talk(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("GET /a"));
  EXPECT_THAT(answer, HasSubstr("GET /b"));
}

TEST_F(HttpServerTest, SendsLongAnswersInChunks) {
  start([](const HttpRequest&) {
    auto left = std::make_shared<int>(3);
    return HttpResponse{.status = 200, .body = "head,", .more = [left]() -> std::optional<std::string> {
                          if (*left == 0) return std::nullopt;
                          return std::to_string((*left)--) + ",";
                        }};
  });
  const auto answer = get("/");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, HasSubstr("5\r\nhead,\r\n2\r\n3,\r\n2\r\n2,\r\n2\r\n1,\r\n0\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttpAndWhatIsTooLarge) {
  start(echo);
  EXPECT_THAT(talk("hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get("/%zz"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(talk("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  // What was sent beyond the limit is never read, so the answer may be lost in a reset: what counts is that nothing is
  // handled and nobody else notices.
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nX: " + std::string(100000, 'a') + "\r\n\r\n"),
              testing::Not(StartsWith("HTTP/1.1 200 ")));
  EXPECT_THAT(get("/still/there"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, TheSocketIsForRootAndItsGroup) {
  start(echo);
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660U);
}

TEST_F(HttpServerTest, ADeadDaemonsSocketIsReplacedAndALiveOneIsNot) {
  start(echo);
  const auto second = HttpServer::open(context_, "slash32-bgpd", path_, echo);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another slash32-bgpd answers there"));
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 200 "));
  stop();
  EXPECT_FALSE(std::filesystem::exists(path_)) << "removed by its owner";

  {  // a socket whose owner was killed
    UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  boost::asio::io_context other;
  EXPECT_TRUE(HttpServer::open(other, "slash32-bgpd", path_, echo));
}

TEST_F(HttpServerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::filesystem::create_directories(folder_ + "/sub");
  ASSERT_TRUE(write_atomic(path_, "precious"));
  const auto server = HttpServer::open(context_, "slash32-bgpd", path_, echo);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("is not a socket"));
  EXPECT_EQ(read_file(path_).value_or(""), "precious");
}

TEST_F(HttpServerTest, AClientThatStopsReadingDelaysTheEndByOneSecondAtMost) {
  auto server = HttpServer::open(context_, "slash32-bgpd", path_, [](const HttpRequest&) {
    return HttpResponse{.status = 200, .body = "x", .more = [] { return std::string(1 << 20, 'x'); }};
  });
  ASSERT_TRUE(server);
  server->serve();
  const UniqueFd deaf = dial(path_);
  ASSERT_TRUE(write_all(deaf.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  context_.run_for(std::chrono::milliseconds{100});  // it is being answered
  {
    const auto gone = *std::move(server);
  }
  const auto before = std::chrono::steady_clock::now();
  context_.run_for(std::chrono::seconds{20});
  EXPECT_TRUE(context_.stopped()) << "something still waits for it";
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{4});
}

TEST_F(HttpServerTest, ARepeatedParameterIsRefusedByName) {
  start(echo);
  const auto answer = get("/v1/routes?family=ipv4&family=ipv6");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("the parameter \\\"family\\\" is there twice"));
}

TEST_F(HttpServerTest, HeadIsAnsweredLikeGetWithoutABody) {
  start([](const HttpRequest& request) {
    EXPECT_EQ(request.method, "GET");
    if (request.path == "/long") return HttpResponse{.body = "a", .more = [] { return std::string("b"); }};
    if (request.path == "/no") return HttpResponse{.status = 405, .body = "no", .more = nullptr, .allow = "PUT"};
    return HttpResponse{.body = "body", .more = nullptr};
  });
  const auto head = [&](const std::string& path) {
    return talk("HEAD " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  EXPECT_THAT(head("/"), HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(head("/"), testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(head("/long"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head("/long"), testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(head("/no"), HasSubstr("Allow: PUT\r\n"));
}

TEST_F(HttpServerTest, WhatAHandlerThrowsIsAnAnswerAndNotTheEnd) {
  start([](const HttpRequest&) -> HttpResponse { throw std::bad_alloc(); });
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 500 "));
}

TEST(ErrorResponse, IsAJsonObject) {
  EXPECT_EQ(error_response(404, "no \"x\"").body, "{\n  \"error\": \"no \\\"x\\\"\"\n}\n");
}

/// An answer that lasts: what is said goes out, and it ends with the server, the reader, or when it is told to.
struct Feed {
  std::string pending;
  bool over = false;
  std::function<void()> wake;
  void say(const std::string& text) {
    pending += text;
    if (const auto call = std::exchange(wake, nullptr)) call();
  }
  static HttpResponse answer(const std::shared_ptr<Feed>& feed) {
    return {.status = 200,
            .body = "first\n",
            .more = [feed]() -> std::optional<std::string> {
              if (feed->over && feed->pending.empty()) return std::nullopt;
              return std::exchange(feed->pending, {});
            },
            .allow = {},
            .content_type = "application/x-ndjson",
            .when_more = [feed](std::function<void()> wake) { feed->wake = std::move(wake); }};
  }
};

/// Reads until `wanted` is there, or the end.
std::string read_until(int fd, const std::string& wanted) {
  std::string got;
  char buffer[1024];
  while (got.find(wanted) == std::string::npos) {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    got.append(buffer, static_cast<std::size_t>(n));
  }
  return got;
}

TEST_F(HttpServerTest, AnAnswerThatLastsSendsWhatComesWhenItComes) {
  const auto feed = std::make_shared<Feed>();
  start([feed](const HttpRequest&) { return Feed::answer(feed); });
  const UniqueFd fd = dial(path_);
  ASSERT_TRUE(write_all(fd.get(), "GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(read_until(fd.get(), "first\n"), HasSubstr("application/x-ndjson"));
  boost::asio::post(context_, [feed] { feed->say("second\n"); });
  EXPECT_THAT(read_until(fd.get(), "second\n"), HasSubstr("second\n"));
  boost::asio::post(context_, [feed] {
    feed->over = true;
    feed->say("third\n");
  });
  EXPECT_THAT(read_all(fd.get()).value_or(""), HasSubstr("third\n\r\n0\r\n\r\n"));
}

TEST_F(HttpServerTest, AReaderOfALastingAnswerThatGoesIsForgottenAtOnce) {
  auto feed = std::make_shared<Feed>();
  const std::weak_ptr<Feed> gone = feed;
  start([feed = std::exchange(feed, nullptr)](const HttpRequest&) mutable {
    return Feed::answer(std::exchange(feed, nullptr));
  });
  {
    const UniqueFd fd = dial(path_);
    ASSERT_TRUE(write_all(fd.get(), "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(read_until(fd.get(), "first\n"), HasSubstr("first"));
    EXPECT_FALSE(gone.expired());
  }
  for (int i = 0; i < 500 && !gone.expired(); ++i) ::usleep(10'000);
  EXPECT_TRUE(gone.expired());
}

TEST_F(HttpServerTest, AReaderOfALastingAnswerThatAsksForSomethingElseGetsIt) {
  const auto feed = std::make_shared<Feed>();
  start([feed](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/v1/events") return Feed::answer(feed);
    return {.status = 200, .body = "something else\n", .more = nullptr};
  });
  const UniqueFd fd = dial(path_);
  ASSERT_TRUE(write_all(fd.get(), "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(read_until(fd.get(), "first\n"), HasSubstr("first"));
  ASSERT_TRUE(write_all(fd.get(), "GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const auto rest = read_all(fd.get()).value_or("");
  EXPECT_THAT(rest, HasSubstr("0\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(rest, HasSubstr("something else"));
}

TEST_F(HttpServerTest, ALastingAnswerEndsWithTheServer) {
  const auto feed = std::make_shared<Feed>();
  start([feed](const HttpRequest&) { return Feed::answer(feed); });
  const UniqueFd fd = dial(path_);
  ASSERT_TRUE(write_all(fd.get(), "GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(read_until(fd.get(), "first\n"), HasSubstr("first"));
  boost::asio::post(context_, [this] { server_.reset(); });
  EXPECT_THAT(read_all(fd.get()).value_or(""), testing::EndsWith("0\r\n\r\n"));
}

}  // namespace
}  // namespace slash32::control
