#include "common/control/http_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

namespace slash32::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBufferSize = 65536;
constexpr std::chrono::milliseconds kLongestPoll = std::chrono::hours{1};
static_assert(sizeof(sockaddr_un::sun_path) == kLongestSocketPath + 1);

/// Waits until `events` are there; an error when the deadline passes first.
Status wait_for(int fd, short events, Instant deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(deadline - Clock::now(), kLongestPoll))
            .count();
    if (left <= 0) return fail(5, "no answer in time", "the daemon is busy or hangs");
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return ok();
    if (ready < 0 && errno != EINTR) return sys_fail("poll");
  }
}

Status send_all(int fd, std::string_view data, Instant deadline) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      data.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      TRY(wait_for(fd, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return sys_fail("send the request");
    }
  }
  return ok();
}

/// Takes what is there of the answer, or waits for more.
Status receive_some(int fd, HttpAnswerReader& reader, Instant deadline) {
  std::array<char, kBufferSize> buffer;
  const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (n > 0) return reader.feed({buffer.data(), static_cast<std::size_t>(n)});
  if (n == 0) return reader.finish();
  if (errno == EAGAIN) return wait_for(fd, POLLIN, deadline);
  if (errno != EINTR) return sys_fail("receive the answer");
  return ok();
}

Status send_question(int fd, const Question& question, Instant deadline) {
  std::string text;
  text.append(question.method).append(" ").append(question.target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!question.user_agent.empty()) text.append("User-Agent: ").append(question.user_agent).append("\r\n");
  text += "Accept: application/json\r\nContent-Length: " + std::to_string(question.body.size()) +
          "\r\nConnection: close\r\n\r\n";
  text.append(question.body);
  return send_all(fd, text, deadline);
}

}  // namespace

Result<UniqueFd, int> connect_unix(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.empty() || path.size() > kLongestSocketPath) return std::unexpected{ENAMETOOLONG};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return std::unexpected{errno};
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected{errno};
  return fd;
}

Result<HttpAnswer> ask(int fd, const Question& question, Instant deadline) {
  TRY(send_question(fd, question, deadline));
  HttpAnswerReader reader;
  while (!reader.done()) {
    TRY(receive_some(fd, reader, deadline));
    if (reader.body_size() > question.most_body)
      return fail(5, "the answer is longer than " + std::to_string(question.most_body) + " octets");
  }
  return reader.take();
}

Result<HttpAnswer> ask_stream(int fd, const Question& question, const std::function<bool(std::string_view)>& take,
                              Instant deadline) {
  TRY(send_question(fd, question, deadline));
  HttpAnswerReader reader;
  while (!reader.done()) {
    TRY(receive_some(fd, reader, is_success(reader.status()) ? Instant::max() : deadline));
    if (!is_success(reader.status())) continue;
    if (const auto body = reader.take_body(); !body.empty() && !take(body)) break;
  }
  return reader.take();
}

}  // namespace slash32::control
