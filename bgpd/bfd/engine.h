// Many BFD sessions: which packet belongs to which (RFC 5880 section 6.3, RFC 5881 section 3, RFC 5883 section 3), and
// one queue of deadlines for all. Pure: no clock, socket or log. Packets and deadlines allocate nothing, once its lists
// have grown to their size.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bgpd/bfd/session.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bfd {

/// Our number for a session, never 0 (RFC 5880 section 6.8.1, bfd.LocalDiscr).
using Discriminator = Strong<struct DiscriminatorTag, std::uint32_t>;

/// What tells sessions apart before the neighbor knows our discriminator; one session a path.
struct Path {
  IpAddress remote;
  IpAddress local;      // multihop: 0.0.0.0 or :: for any. Single hop: not looked at
  IfIndex interface{};  // single hop: 0 for any; needed for a link-local `remote`. Multihop: not looked at
  bool multihop = false;
  auto operator<=>(const Path&) const = default;
};

/// A packet to send, and whose.
struct Outgoing {
  Discriminator session;
  std::array<std::uint8_t, kPacketSize> bytes{};
};
struct Change {
  Discriminator session;
  StateChange change;
};

class Engine {
 public:
  explicit Engine(Random random) : random_(std::move(random)) {}

  /// Begins a session. A path that is being retired comes back under its old discriminator. Error: the settings'
  /// (check()), an address that is no neighbor's, or a path that has a session already; nothing has changed then.
  Result<Discriminator> add(const Path& path, const Settings& settings, Instant now);
  /// New settings for a session that is there. Error: as add().
  Status configure(Discriminator session, const Settings& settings, Instant now);
  /// Ends a session so that the neighbor does not take it for a failure: AdminDown is said for its Detection Time (RFC
  /// 5880 section 6.8.16), at most a minute; then the session is in gone(). Unknown ones are gone already.
  void retire(Discriminator session, Instant now);
  /// Ends a session without a word; it is not in gone().
  void remove(Discriminator session);

  /// A UDP payload that came over `path`: `remote` is its source, `local` its destination. What was discarded is
  /// counted, and the reason returned.
  Result<void, Rejection> receive(const Path& path, std::span<const std::uint8_t> payload, Instant now);
  /// Counts a packet that its transport discards (Reject::HopLimit), and returns the reason.
  std::unexpected<Rejection> refuse(const Rejection& rejection);
  /// Does what is due at `now`. Packets that had arrived by then must have been given to receive() before: a late
  /// reader is no silent neighbor.
  void advance(Instant now);
  /// When advance() has something to do.
  std::optional<Instant> deadline() const;

  /// What came of everything since the last clear(), in order.
  std::span<const Outgoing> packets() const { return packets_; }
  std::span<const Change> changes() const { return changes_; }
  std::span<const Discriminator> gone() const { return gone_; }
  void clear();

  /// Nothing when unknown. Valid until the session ends.
  const Session* find(Discriminator session) const;
  std::optional<Discriminator> find(const Path& path) const;
  std::size_t size() const { return sessions_.size(); }
  std::uint64_t rejected(Reject reason) const { return rejected_.at(static_cast<std::size_t>(reason)); }

 private:
  using Queue = std::set<std::pair<Instant, Discriminator>>;
  struct Entry {
    Session session;
    Path path;
    std::optional<Instant> retires_at;
    Queue::iterator queued;
  };

  Discriminator fresh_discriminator();
  Entry* select(const Path& path, const Packet& packet);
  void note(Entry& entry, const Step& step);
  void requeue(Entry& entry);

  Random random_;
  std::unordered_map<Discriminator, Entry> sessions_;
  std::map<Path, Discriminator> paths_;
  Queue queue_;  // one node a session, moved and never freed while it lives
  std::vector<Outgoing> packets_;
  std::vector<Change> changes_;
  std::vector<Discriminator> gone_;
  std::array<std::uint64_t, kRejects> rejected_{};
};

}  // namespace slash32::bfd
