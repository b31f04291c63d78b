// A listening socket: hands out accepted connections. Who may connect is the owner's business.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bgpd/transport/loop.h"
#include "bgpd/transport/socket.h"
#include "common/fd.h"
#include "common/result.h"

namespace slash32::bgp {

/// Keys by who has to sign with them.
using ListenKeys = std::map<Prefix, TcpKeys>;

class Listener {
 public:
  /// `accepted` gets the connected, non-blocking socket and both its ends.
  using Accepted = std::function<void(UniqueFd fd, const Endpoint& remote, const Endpoint& local)>;

  struct Options {
    ListenKeys keys;              // those of the other family are left out
    bool needs_every_key = true;  // false: one that cannot be set is the caller's to notice, with set_keys
    bool beside_own = false;      // as bind_listener() has it
  };

  /// Bound, then given its keys, then listening: nobody ever connects without the key that is asked of them. Error:
  /// names the address and the reason.
  static Result<Listener> open(Loop& loop, const Endpoint& local, Accepted accepted, const Options& options);
  static Result<Listener> open(Loop& loop, const Endpoint& local, Accepted accepted);
  ~Listener();
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;

  /// As it was asked for.
  const Endpoint& local() const;
  /// As the kernel has it: with the port it chose where 0 was asked for.
  Result<Endpoint> bound() const;
  /// Sets, replaces or (empty) removes the keys for connections from `peer`; nothing for the other family.
  Status set_keys(const Prefix& peer, const TcpKeys& keys);
  /// As share_port() has it.
  Status share_port(bool on);

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::bgp
