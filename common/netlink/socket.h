// A netlink socket, bound to the network namespace it was opened in. Several requests go out in one send and are
// answered one by one; the kernel runs every request of a batch, also behind one that failed.
// Threading: one thread. Time: no answer within the given time is CNI code 11.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "common/netlink/request.h"
#include "common/result.h"

namespace slash32::netlink {

enum class Family : std::uint8_t { Route = 0, Netfilter = 12 };  // NETLINK_ROUTE, NETLINK_NETFILTER

/// What the kernel said to one request.
struct Answer {
  int error = 0;               // errno value; 0: done
  std::string complaint;       // the kernel's own words (NETLINK_EXT_ACK), often empty
  std::vector<Reply> replies;  // what it sent before the acknowledgement
};

class Socket {
 public:
  /// In the calling thread's namespace. `patience` bounds every wait for an answer.
  static Result<Socket> open(Family family, std::chrono::milliseconds patience);

  /// Sends all in one message, and waits for the answer of each that asks for an acknowledgement (those that do not,
  /// like the brackets of an nfnetlink batch, answer only when they are wrong). Error: the socket itself failed; what
  /// the kernel refused stands in the answers.
  Result<std::vector<Answer>> exchange(std::span<Request> requests);
  /// exchange() of one.
  Result<Answer> ask(Request request);
  /// exchange(), and the first refusal is an error that names its request.
  Status run(std::span<Request> requests);
  Status run(Request request);

  /// The primary name of the link that has this name or alternative name (at most 15 bytes); nothing when there is
  /// none, or when it is just being removed. Answered without the networking lock that requests about links wait for,
  /// and without the look for a kernel module that SIOCGIFINDEX begins; without CAP_NET_RAW by such a request.
  Result<std::optional<std::string>> find_primary_name(std::string_view name);

  /// Whether the kernel (4.20) heeds the fields of a dump's header as filters. Older ones ignore both.
  void filter_dumps(bool on) const;

  /// A dump, asked again as long as the kernel says that it changed meanwhile (NLM_F_DUMP_INTR), at most five times.
  /// `each` may see an entry again. Error also when the fifth was interrupted: code 11.
  Status dump(const std::function<Request()>& make, const std::function<void()>& restart,
              const std::function<void(const Reply&)>& each);

 private:
  explicit Socket(UniqueFd fd, std::chrono::milliseconds patience) : fd_(std::move(fd)), patience_(patience) {}
  Status send(std::span<Request> requests);
  Result<std::optional<std::string>> ask_primary_name(std::string_view name);
  Result<std::size_t> receive(const std::string& what);

  UniqueFd fd_;
  std::chrono::milliseconds patience_;
  std::uint32_t sequence_ = 0;              // of the request sent last
  std::unique_ptr<std::uint8_t[]> buffer_;  // kBufferSize octets, once something was received
};

/// "WHAT: No such device" with the kernel's words behind it; code 5.
Error refusal(const std::string& what, const Answer& answer);

}  // namespace slash32::netlink
