// What happens, told to whoever listens: readers with a filter and a bounded queue each. A reader that does not keep up
// loses events and is told how many; nobody waits for it. Pure: no socket, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/result.h"

namespace slash32::bgp {

enum class EventKind : std::uint8_t { Neighbor, Error, Condition, Route };
inline constexpr std::size_t kEventKinds = 4;
std::string_view to_string(EventKind kind);

/// What a reader wants.
struct EventFilter {
  std::vector<EventKind> kinds;  // in order, each once
  std::optional<Prefix> within;  // of routes: this prefix and what is inside it

  /// `kinds` (names with commas between; default: all, or `route` alone where there is a prefix) and `prefix`. Error:
  /// what is wrong, and what is known.
  static Result<EventFilter> read(const std::map<std::string, std::string>& query);
};

class EventReader {
 public:
  static constexpr std::size_t kMostLines = 4096;
  static constexpr std::size_t kMostOctets = 1 << 20;
  static constexpr std::size_t kPiece = 64 << 10;  // about as much goes out at once

  explicit EventReader(EventFilter filter) : filter_(std::move(filter)) {}
  bool wants(EventKind kind) const;
  bool wants(EventKind kind, const std::optional<Prefix>& prefix) const;
  /// Queues a line, or counts it as lost.
  void push(const std::string& line);
  bool is_full() const { return lines_.size() >= kMostLines || octets_ >= kMostOctets; }
  void lose(std::uint64_t events);
  /// The next lines; `{"lost": n}` stands where so many are missing. Empty: there are none.
  std::string take();
  /// Called once, at the next event or at once where there is one.
  void when_more(std::function<void()> wake);

 private:
  void tell_lost();
  void wake();

  EventFilter filter_;
  std::deque<std::string> lines_;
  std::size_t octets_ = 0;
  std::uint64_t lost_ = 0;  // behind the last line
  std::function<void()> wake_;
};

class EventHub {
 public:
  static constexpr std::size_t kMostReaders = 16;  // on each socket

  /// A new reader, which lasts as long as somebody holds it. Who came by a socket that `only_tells` takes no place of
  /// those who may do more. Error: there are too many.
  Result<std::shared_ptr<EventReader>> open(EventFilter filter, bool only_tells = false);
  bool wants(EventKind kind) const;
  bool has_readers() const;
  /// `line` makes the event's JSON, without a line end; it is called at most once, and not where nobody takes it.
  void publish(EventKind kind, const std::optional<Prefix>& prefix, const std::function<std::string()>& line);
  /// So many events of a kind could not be kept for anybody.
  void lose(EventKind kind, std::uint64_t events);

 private:
  std::vector<std::shared_ptr<EventReader>> readers() const;
  struct Place {
    std::weak_ptr<EventReader> reader;
    bool only_tells = false;
  };
  std::vector<Place> readers_;
};

}  // namespace slash32::bgp
