// List and watch of one kind of object, as a state machine: answers and times go in, requests and changes come out. It
// holds no object, only the key and version of each, so that after a new list it tells differences. Pure: no socket, no
// clock, no chance of its own.
//
// What it relies on: https://kubernetes.io/docs/reference/using-api/api-concepts/ (efficient detection of changes,
// chunked lists, bookmarks, 410 Gone).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "agent/kube/request.h"
#include "agent/kube/splitters.h"
#include "common/clock.h"
#include "common/result.h"

namespace slash32::agent::kube {

struct ReflectorSettings {
  Resource resource;
  std::string name_space;      // empty: all, or the kind has none
  std::string field_selector;  // "metadata.name=n1"
  std::string label_selector;
  /// The first list may come from the server's cache (resourceVersion=0): cheap, and possibly a little old.
  bool first_list_from_cache = true;
  /// Something was made of an earlier life's list: a kind that is not installed is believed to be absent only after the
  /// grace that holds where this life has listed some.
  bool listed_before = false;
  int page = 500;                                       // objects a page
  Seconds watch_least{300};                             // a watch is asked to last between these two …
  Seconds watch_most{600};                              // … so that a thousand nodes do not come back together
  std::function<double()> chance = [] { return 0.5; };  // [0, 1): for jitter
};

namespace act {

/// Ask; what is being answered still is given up.
struct Fetch {
  std::string target;
};
/// Give up what is being answered; a Fetch follows later.
struct Cut {};
/// An object is new or differs from the one told before.
struct Put {
  std::string key;  // "namespace/name", or "name"
  nlohmann::json object;
};
struct Remove {
  std::string key;
};
/// What was told is the whole set. After every list.
struct Synced {};
/// A trouble that began, changed, or is over: for the log. Not told again while it lasts.
struct Trouble {
  std::string what;  // empty: over
};

}  // namespace act

using Action = std::variant<act::Fetch, act::Cut, act::Put, act::Remove, act::Synced, act::Trouble>;
using Actions = std::vector<Action>;

/// For status and metrics.
struct ReflectorView {
  std::string state;    // "idle", "listing", "watching", "waiting", "absent"
  std::string trouble;  // of now; empty: none
  bool synced = false;  // one list has been complete, or the kind is known to be absent
  std::size_t objects = 0;
  std::uint64_t lists = 0, watches = 0, events = 0, failures = 0;  // since the start
};

class Reflector {
 public:
  explicit Reflector(ReflectorSettings settings) : settings_(std::move(settings)) {}

  Actions start(Instant now);
  Actions on_head(const ResponseHead& head, Instant now);
  Actions on_body(std::string_view bytes, Instant now);
  /// The answer is complete.
  Actions on_end(Instant now);
  /// No answer, or it was cut off: no connection, not trusted, closed, not HTTP.
  Actions on_failed(const std::string& why, Instant now);
  /// The deadline has come.
  Actions on_timer(Instant now);
  /// When on_timer() is to be called; changes with every step.
  std::optional<Instant> deadline() const { return deadline_; }

  ReflectorView view() const;

 private:
  enum class Goal : std::uint8_t { List, Watch };
  enum class Phase : std::uint8_t { Idle, Asked, Answered, Refused, Waiting };
  struct Kept {
    std::string version;
    std::uint64_t list = 0;  // the last one it was in
  };

  void ask(Instant now, Actions& out);
  void ask_list(Instant now, Actions& out);
  void ask_watch(Instant now, Actions& out);
  Status take_item(std::string_view text, Actions& out);
  Status take_event(std::string_view text, Actions& out);
  Status take_error(const nlohmann::json& status);
  void put(nlohmann::json object, Actions& out);
  void list_ended(Instant now, Actions& out);
  void complete_list(const nlohmann::json& metadata, Instant now, Actions& out);
  void watch_ended(Instant now, Actions& out);
  void refused(Instant now, Actions& out);
  void absent(Instant now, Actions& out);
  void expired(Instant now, Actions& out);
  void broken(const std::string& why, Instant now, Actions& out);
  void trouble(const std::string& what, Actions& out);
  bool proved(Instant now) const;
  void wait(Duration delay, Instant now);
  Duration back_off();
  void begin_list();
  void silence_from(Instant now);

  ReflectorSettings settings_;
  Phase phase_ = Phase::Idle;
  Goal goal_ = Goal::List;
  std::optional<Instant> deadline_;

  std::unordered_map<std::string, Kept> kept_;
  std::uint64_t list_number_ = 0;
  bool synced_ = false;
  std::string version_;      // resourceVersion to watch from
  std::string continue_;     // of the list in progress
  bool consistent_ = false;  // the next list must not come from a cache
  bool whole_ = false;       // the next list is asked for in one piece: its pages expired before
  std::optional<ListSplitter> list_;
  std::optional<LineSplitter> lines_;

  ResponseHead head_;
  std::string refusal_;  // body of an answer that is none
  Instant asked_at_;
  Instant watch_ends_at_;
  bool heard_ = false;          // an event or a bookmark in this watch
  bool bookmarks_ = false;      // the server sends them
  bool expired_event_ = false;  // ERROR 410 in this watch
  int silent_watches_ = 0;      // whole ones, one after another
  int failures_in_row_ = 0;
  std::optional<Instant> absent_since_;
  std::string trouble_;
  ReflectorView counts_;
};

}  // namespace slash32::agent::kube
