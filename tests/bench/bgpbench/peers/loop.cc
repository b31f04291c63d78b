// Level-triggered and without a clock of its own: it sleeps until a socket or the next KEEPALIVE wants something.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <string>

#include "tests/bench/bgpbench/peers/session.h"

namespace bench {
namespace {

constexpr double kKeepalive = 10;                      // seconds; with a shorter hold time a ninth of that
constexpr std::size_t kBuffer = std::size_t{1} << 20;  // one reading
constexpr std::uint64_t kOther = 0xffffffff;           // epoll's word for what is no session

}  // namespace

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(kBuffer) {
  if (!epoll_) die("epoll_create1", errno);
}

/// A closed descriptor leaves epoll by itself.
void Loop::watch(std::size_t number) {
  const Session& session = *sessions_[number];
  watched_.resize(sessions_.size());
  Watched& watched = watched_[number];
  if (session.fd() < 0) {
    watched = {};
    return;
  }
  const bool write = session.wants_to_write();
  const bool known = watched.life == session.life();
  if (known && watched.write == write) return;
  epoll_event event{.events = EPOLLIN | (write ? static_cast<std::uint32_t>(EPOLLOUT) : 0U), .data = {.u64 = number}};
  if (::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, session.fd(), &event) != 0)
    die("epoll_ctl", errno);
  watched = {session.life(), write};
}

/// One wait; whether `other` (a descriptor in the epoll set, or -1) can be read.
bool Loop::step(double deadline, int other) {
  const double time = now();
  if (time >= next_keepalive_) {
    for (Session* session : sessions_) session->keepalive();
    double period = kKeepalive;
    for (const Session* session : sessions_) period = std::min(period, session->settings().hold / 9.0);
    next_keepalive_ = time + period;
  }
  const double wait = std::min(deadline, next_keepalive_) - time;
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(),
                                 static_cast<int>(std::clamp(std::ceil(wait * 1e3), 0.0, 1e4)));
  if (count < 0 && errno != EINTR) die("epoll_wait", errno);
  bool readable = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kOther) {
      readable = other >= 0;
      continue;
    }
    Session& session = *sessions_[event.data.u64];
    if (session.fd() >= 0 && (event.events & EPOLLOUT) != 0) session.on_writable();
    if (session.fd() >= 0 && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) session.on_readable(buffer_);
    watch(event.data.u64);
  }
  return readable;
}

bool Loop::run(const std::function<bool()>& done, double deadline) {
  for (std::size_t i = 0; i < sessions_.size(); ++i) watch(i);
  while (!done()) {
    if (now() >= deadline) return false;
    step(deadline, -1);
  }
  return true;
}

void Loop::wait_for(int fd) {
  for (std::size_t i = 0; i < sessions_.size(); ++i) watch(i);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kOther}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl", errno);
  while (!step(now() + kKeepalive, fd)) {
  }
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0) die("epoll_ctl", errno);
}

void Loop::serve(const std::function<void(const std::string&)>& order) {
  std::string lines;
  for (;;) {
    wait_for(STDIN_FILENO);
    char buffer[4096];
    const auto got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) return;
    lines.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t at = 0; (at = lines.find('\n')) != std::string::npos; lines.erase(0, at + 1)) {
      const std::string line = lines.substr(0, at);
      if (line == "quit") return;
      order(line);
      std::fflush(stdout);
    }
  }
}

}  // namespace bench
