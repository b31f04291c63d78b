// BFD on the network: the UDP sockets and the timer of an Engine. Reads what has come before it asks who is silent;
// checks the hop limit (RFC 5881 section 5); decides nothing else. Everything is called from the context's one thread,
// which must never be kept busy for a good part of the shortest Detection Time: give it a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bgpd/bfd/engine.h"

namespace boost::asio {
class io_context;
}

namespace slash32::bfd {

/// Whom to watch, as the configuration has it.
struct Target {
  IpAddress remote;
  std::optional<IpAddress> local;  // source of our packets; nothing: the route's
  std::string interface;           // empty: any; needed for a link-local `remote`
  bool multihop = false;           // UDP port 4784, no hop limit asked for
  bool operator==(const Target&) const = default;
};

class Transport {
 public:
  /// Told of every change of state, in order. May call back into the Transport, but not destroy it.
  using Changed = std::function<void(Discriminator session, const StateChange& change)>;

  /// `context` must outlive it. `random` as for Engine: from the system, uniform.
  Transport(boost::asio::io_context& context, Random random, Changed changed);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Opens the sockets and begins; the first packet goes out in this turn. Error: as Engine::add, and what the system
  /// refused; nothing has changed then. An interface that was made anew needs a new session: remove it and add again.
  Result<Discriminator> add(const Target& target, const Settings& settings);
  /// As Engine::configure; `settings.enabled` false says AdminDown until told otherwise.
  Status configure(Discriminator session, const Settings& settings);
  /// As Engine::retire: AdminDown for a Detection Time of the neighbor's, then its socket closes.
  void retire(Discriminator session);
  /// As Engine::remove: at once and without a word.
  void remove(Discriminator session);

  /// Sessions and counters, to look at.
  const Engine& engine() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::bfd
