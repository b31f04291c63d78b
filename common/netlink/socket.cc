#include "common/netlink/socket.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace slash32::netlink {
namespace {

constexpr std::size_t kBufferSize = 32768;  // what the kernel fills at most per dump message, RFC 3549 aside
constexpr int kDumpAttempts = 5;

/// The kernel's own words behind an NLMSG_ERROR, if it was asked for them (NETLINK_CAP_ACK keeps the request out).
std::string complaint_of(const nlmsghdr& header, std::span<const std::uint8_t> body) {
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || body.size() <= sizeof(nlmsgerr)) return {};
  return Attributes(body.subspan(sizeof(nlmsgerr))).text(NLMSGERR_ATTR_MSG);
}

/// One message in a received datagram.
struct Received {
  nlmsghdr header;
  std::span<const std::uint8_t> body;
};

/// Calls `each` for every message in `datagram`.
void for_each_message(std::span<const std::uint8_t> datagram, const std::function<void(const Received&)>& each) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    Received got{};
    std::memcpy(&got.header, datagram.data(), sizeof got.header);
    const std::size_t length = got.header.nlmsg_len;
    if (length < sizeof(nlmsghdr) || length > datagram.size()) return;
    got.body = datagram.subspan(sizeof(nlmsghdr), length - sizeof(nlmsghdr));
    each(got);
    datagram = datagram.subspan(std::min<std::size_t>(datagram.size(), NLMSG_ALIGN(length)));
  }
}

int error_of(std::span<const std::uint8_t> body) {
  int error = 0;
  if (body.size() >= sizeof error) std::memcpy(&error, body.data(), sizeof error);
  return -error;
}

}  // namespace

Error refusal(const std::string& what, const Answer& answer) {
  auto error = sys_fail(what, answer.error).error();
  if (!answer.complaint.empty()) error.message += " (" + answer.complaint + ")";
  return error;
}

Result<Socket> Socket::open(Family family, std::chrono::milliseconds patience) {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, static_cast<int>(family))};
  if (!fd) return sys_fail("open a netlink socket");
  const int on = 1;
  // Both only improve messages; kernels before 4.12 lack the first.
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  patience = std::max(patience, std::chrono::milliseconds(1));  // zero would wait for ever
  const timeval timeout{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0)
    return sys_fail("bound the wait of a netlink socket");
  return Socket(std::move(fd), patience);
}

Status Socket::send(std::span<Request> requests) {
  std::vector<std::uint8_t> joined;
  std::span<const std::uint8_t> bytes;
  for (auto& request : requests) {
    bytes = request.finish(++sequence_);
    if (requests.size() == 1) break;
    joined.insert(joined.end(), bytes.begin(), bytes.end());
    joined.resize(NLMSG_ALIGN(joined.size()));
  }
  if (requests.size() != 1) bytes = joined;
  for (;;) {
    if (::send(fd_.get(), bytes.data(), bytes.size(), 0) >= 0) return ok();
    if (errno != EINTR) return sys_fail(requests.front().what() + ": send to the kernel");
  }
}

Result<std::size_t> Socket::receive(const std::string& what) {
  // Not zeroed: an answer touches one page of it, a dump more.
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(kBufferSize);
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer_.get(), kBufferSize, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN)
      return fail(11, what + ": no answer from the kernel within " + std::to_string(patience_.count()) + " ms");
    if (errno != EINTR) return sys_fail(what + ": receive from the kernel");
  }
}

Result<std::vector<Answer>> Socket::exchange(std::span<Request> requests) {
  std::vector<Answer> answers(requests.size());
  if (requests.empty()) return answers;
  const std::uint32_t first = sequence_ + 1;
  TRY(send(requests));
  auto waiting = std::ranges::count_if(requests, [](const Request& r) { return r.wants_ack(); });
  bool bracket_failed = false;
  while (waiting > 0 && !bracket_failed) {
    const auto size = TRY(receive(requests.front().what()));
    for_each_message(std::span(buffer_.get(), size), [&](const Received& got) {
      const std::uint32_t index = got.header.nlmsg_seq - first;
      if (index >= answers.size()) return;  // an answer to an exchange that was given up
      if (got.header.nlmsg_type != NLMSG_ERROR) {
        answers[index].replies.push_back({got.header.nlmsg_type, {got.body.begin(), got.body.end()}});
        return;
      }
      answers[index].error = error_of(got.body);
      answers[index].complaint = complaint_of(got.header, got.body);
      if (requests[index].wants_ack())
        --waiting;
      else
        bracket_failed = answers[index].error != 0;
    });
  }
  return answers;
}

Result<Answer> Socket::ask(Request request) {
  auto answers = TRY(exchange({&request, 1}));
  return std::move(answers.front());
}

Status Socket::run(std::span<Request> requests) {
  const auto answers = TRY(exchange(requests));
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i].error != 0) return fail(refusal(requests[i].what(), answers[i]));
  return ok();
}

Status Socket::run(Request request) { return run({&request, 1}); }

Result<std::optional<std::string>> Socket::find_primary_name(std::string_view name) {
  // A socket that is bound to a device looks its name up so; a netlink socket minds the device no further, and is let
  // go of it again.
  const auto bind_to = [&](std::string_view device) {
    return ::setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), static_cast<socklen_t>(device.size()));
  };
  if (bind_to(name) != 0) {
    if (errno == ENODEV) return std::optional<std::string>{};
    if (errno == EPERM) return ask_primary_name(name);
    return sys_fail("look up link " + std::string(name));
  }
  std::array<char, IF_NAMESIZE> primary{};
  socklen_t size = primary.size();
  const bool is_listed = ::getsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, primary.data(), &size) == 0;
  const int error = errno;
  // Linux 5.7 and later let anybody bind a socket, and let go of it only who has CAP_NET_RAW.
  if (bind_to({}) != 0 && errno != EPERM) return sys_fail("let go of link " + std::string(name));
  if (is_listed) return std::optional<std::string>{primary.data()};
  if (error == ENODEV) return std::optional<std::string>{};
  return sys_fail("look up the name of link " + std::string(name), error);
}

Result<std::optional<std::string>> Socket::ask_primary_name(std::string_view name) {
  Request request("look up link " + std::string(name), RTM_GETLINK, NLM_F_ACK, ifinfomsg{});
  request.put_text(IFLA_IFNAME, name);
  const auto answer = TRY(ask(std::move(request)));
  if (answer.error == ENODEV) return std::optional<std::string>{};
  if (answer.error != 0) return fail(refusal("look up link " + std::string(name), answer));
  for (const auto& reply : answer.replies)
    if (reply.type == RTM_NEWLINK)
      return std::optional<std::string>{reply.attributes(sizeof(ifinfomsg)).text(IFLA_IFNAME)};
  return std::optional<std::string>{};
}

void Socket::filter_dumps(bool on) const {
  const int strict = on ? 1 : 0;
  (void)::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
}

Status Socket::dump(const std::function<Request()>& make, const std::function<void()>& restart,
                    const std::function<void(const Reply&)>& each) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    restart();
    Request request = make();
    TRY(send({&request, 1}));
    bool done = false;
    bool interrupted = false;
    int error = 0;
    while (!done) {
      const auto size = TRY(receive(request.what()));
      for_each_message(std::span(buffer_.get(), size), [&](const Received& got) {
        if (got.header.nlmsg_seq != sequence_) return;
        interrupted = interrupted || (got.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (got.header.nlmsg_type == NLMSG_DONE || got.header.nlmsg_type == NLMSG_ERROR) {
          done = true;
          error = error_of(got.body);
        } else {
          each({got.header.nlmsg_type, {got.body.begin(), got.body.end()}});
        }
      });
    }
    if (error != 0) return sys_fail(request.what(), error);
    if (!interrupted) return ok();
  }
  return fail(
      11, make().what() + ": the kernel's table changed during each of " + std::to_string(kDumpAttempts) + " readings");
}

}  // namespace slash32::netlink
