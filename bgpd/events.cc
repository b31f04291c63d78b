#include "bgpd/events.h"

#include <algorithm>
#include <array>
#include <utility>

namespace slash32::bgp {
namespace {

constexpr std::array<std::string_view, kEventKinds> kNames{"neighbor", "error", "condition", "route"};

Result<EventKind> kind_of(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end())
    return fail(7, "unknown kind of event \"" + std::string(name) + "\"; known: neighbor, error, condition, route");
  return static_cast<EventKind>(found - kNames.begin());
}

Result<std::vector<EventKind>> read_kinds(std::string_view text) {
  std::vector<EventKind> out;
  while (true) {
    const auto comma = text.find(',');
    out.push_back(TRY(kind_of(text.substr(0, comma))));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace

std::string_view to_string(EventKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

Result<EventFilter> EventFilter::read(const std::map<std::string, std::string>& query) {
  EventFilter out;
  for (const auto& [key, value] : query) {
    if (key == "kinds")
      out.kinds = TRY(read_kinds(value));
    else if (key == "prefix")
      out.within = TRY(Prefix::parse(value, true));
    else
      return fail(7, "unknown parameter \"" + key + "\"; known: kinds, prefix");
  }
  if (out.kinds.empty() && out.within) out.kinds = {EventKind::Route};
  if (out.kinds.empty()) out.kinds = {EventKind::Neighbor, EventKind::Error, EventKind::Condition, EventKind::Route};
  return out;
}

// ---------------------------------------------------------------- a reader

bool EventReader::wants(EventKind kind) const { return std::ranges::find(filter_.kinds, kind) != filter_.kinds.end(); }

bool EventReader::wants(EventKind kind, const std::optional<Prefix>& prefix) const {
  return wants(kind) && (!filter_.within || !prefix || filter_.within->contains(*prefix));
}

void EventReader::tell_lost() {
  if (lost_ == 0) return;
  lines_.push_back("{\"lost\": " + std::to_string(std::exchange(lost_, 0)) + "}\n");
  octets_ += lines_.back().size();
}

void EventReader::push(const std::string& line) {
  if (is_full()) return lose(1);
  tell_lost();
  lines_.push_back(line + "\n");
  octets_ += lines_.back().size();
  wake();
}

void EventReader::lose(std::uint64_t events) {
  lost_ += events;
  wake();
}

std::string EventReader::take() {
  std::string out;
  while (out.size() < kPiece) {
    if (lines_.empty()) tell_lost();
    if (lines_.empty()) break;
    octets_ -= lines_.front().size();
    out += lines_.front();
    lines_.pop_front();
  }
  return out;
}

void EventReader::when_more(std::function<void()> wake_up) {
  wake_ = std::move(wake_up);
  if (!lines_.empty() || lost_ > 0) wake();
}

void EventReader::wake() {
  if (const auto call = std::exchange(wake_, nullptr)) call();
}

// ---------------------------------------------------------------- all of them

Result<std::shared_ptr<EventReader>> EventHub::open(EventFilter filter, bool only_tells) {
  std::erase_if(readers_, [](const Place& place) { return place.reader.expired(); });
  const auto taken = std::ranges::count(readers_, only_tells, &Place::only_tells);
  if (static_cast<std::size_t>(taken) >= kMostReaders)
    return fail(11, "there are " + std::to_string(kMostReaders) + " readers of events on this socket already");
  auto reader = std::make_shared<EventReader>(std::move(filter));
  readers_.push_back({reader, only_tells});
  return reader;
}

std::vector<std::shared_ptr<EventReader>> EventHub::readers() const {
  std::vector<std::shared_ptr<EventReader>> out;
  for (const auto& one : readers_)
    if (auto reader = one.reader.lock()) out.push_back(std::move(reader));
  return out;
}

bool EventHub::has_readers() const { return !readers().empty(); }

bool EventHub::wants(EventKind kind) const {
  return std::ranges::any_of(readers(), [&](const auto& reader) { return reader->wants(kind); });
}

void EventHub::publish(EventKind kind, const std::optional<Prefix>& prefix, const std::function<std::string()>& line) {
  std::optional<std::string> made;
  for (const auto& reader : readers()) {
    if (!reader->wants(kind, prefix)) continue;
    if (reader->is_full()) {
      reader->lose(1);
      continue;
    }
    if (!made) made = line();
    reader->push(*made);
  }
}

void EventHub::lose(EventKind kind, std::uint64_t events) {
  if (events == 0) return;
  for (const auto& reader : readers())
    if (reader->wants(kind)) reader->lose(events);
}

}  // namespace slash32::bgp
