#include "bgpd/bfd/engine.h"

#include <algorithm>

namespace slash32::bfd {
namespace {

constexpr Microseconds kMostLinger{60'000'000};  // a neighbor may ask for an interval of more than an hour

/// Only what tells this kind of session apart.
Path normal(const Path& path) {
  const IpAddress any = path.remote.is_v4() ? IpAddress{} : IpAddress::v6({});
  return path.multihop ? Path{path.remote, path.local.is_unspecified() ? any : path.local, IfIndex{}, true}
                       : Path{path.remote, any, path.interface, false};
}

Status check(const Path& path) {
  const auto remote = path.remote.to_string();
  if (path.remote.is_unspecified() || path.remote.is_multicast())
    return fail(7, remote + " is not the address of a neighbor");
  if (path.multihop && path.remote.is_link_local())
    return fail(7, remote + " is a link-local address, which no multihop session can reach (RFC 5883)");
  if (path.multihop && !path.local.is_unspecified() && path.local.family() != path.remote.family())
    return fail(7, remote + " and " + path.local.to_string() + " are of two address families");
  if (path.remote.is_v6() && path.remote.is_link_local() && path.interface == IfIndex{})
    return fail(7, remote + " is a link-local address: its session needs an interface");
  return ok();
}

}  // namespace

// ---------------------------------------------------------------- sessions

Result<Discriminator> Engine::add(const Path& path, const Settings& settings, Instant now) {
  TRY(bfd::check(settings));
  TRY(check(path));
  const Path key = normal(path);
  if (const auto found = paths_.find(key); found != paths_.end()) {
    Entry& entry = sessions_.at(found->second);
    if (!entry.retires_at) return fail(7, key.remote.to_string() + " has a BFD session already");
    entry.retires_at.reset();
    note(entry, entry.session.configure(settings, now, random_));
    return found->second;
  }
  const auto discriminator = fresh_discriminator();
  const auto queued = queue_.emplace(now, discriminator).first;
  sessions_.emplace(discriminator, Entry{Session(discriminator.value, settings, now), key, std::nullopt, queued});
  paths_.emplace(key, discriminator);
  return discriminator;
}

Status Engine::configure(Discriminator session, const Settings& settings, Instant now) {
  TRY(bfd::check(settings));
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.retires_at)
    return fail(7, "there is no BFD session " + std::to_string(session.value));
  note(found->second, found->second.session.configure(settings, now, random_));
  return ok();
}

void Engine::retire(Discriminator session, Instant now) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.retires_at) return;
  Entry& entry = found->second;
  Settings settings = entry.session.settings();
  settings.enabled = false;
  const auto step = entry.session.configure(settings, now, random_);
  entry.retires_at = now + std::min(entry.session.remote_detection_time(), kMostLinger);
  note(entry, step);
}

void Engine::remove(Discriminator session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  queue_.erase(found->second.queued);
  paths_.erase(found->second.path);
  sessions_.erase(found);
}

Discriminator Engine::fresh_discriminator() {
  for (;;) {
    const Discriminator candidate{random_()};
    if (candidate.value != 0 && !sessions_.contains(candidate)) return candidate;
  }
}

// ---------------------------------------------------------------- events

Result<void, Rejection> Engine::receive(const Path& path, std::span<const std::uint8_t> payload, Instant now) {
  const auto packet = decode(payload);
  if (!packet) return refuse(packet.error());
  Entry* entry = select(path, *packet);
  if (entry == nullptr) return refuse({Reject::UnknownSession, packet->your_discriminator});
  note(*entry, entry->session.receive(*packet, now, random_));
  return {};
}

/// RFC 5880 section 6.3: by Your Discriminator alone once it is known; the source may then be any. But a session stays
/// on its port: over the multihop port no hop limit is asked for (RFC 5883 section 5), and over the other family it
/// never ran.
Engine::Entry* Engine::select(const Path& path, const Packet& packet) {
  if (packet.your_discriminator != 0) {
    const auto found = sessions_.find(Discriminator{packet.your_discriminator});
    if (found == sessions_.end()) return nullptr;
    const Path& own = found->second.path;
    return own.multihop == path.multihop && own.remote.family() == path.remote.family() ? &found->second : nullptr;
  }
  Path key = normal(path);  // RFC 5881 section 3: source and interface; RFC 5883 section 3: source and destination
  auto found = paths_.find(key);
  if (found == paths_.end()) {
    key.interface = IfIndex{};
    key.local = {};
    found = paths_.find(normal(key));
  }
  return found == paths_.end() ? nullptr : &sessions_.at(found->second);
}

void Engine::advance(Instant now) {
  while (!queue_.empty() && queue_.begin()->first <= now) {
    Entry& entry = sessions_.at(queue_.begin()->second);
    if (entry.retires_at && now >= *entry.retires_at) {
      const Discriminator ended = queue_.begin()->second;
      gone_.push_back(ended);
      remove(ended);
      continue;
    }
    note(entry, entry.session.advance(now, random_));
  }
}

std::optional<Instant> Engine::deadline() const {
  if (queue_.empty() || queue_.begin()->first == Instant::max()) return std::nullopt;
  return queue_.begin()->first;
}

void Engine::note(Entry& entry, const Step& step) {
  const Discriminator session{entry.session.discriminator()};
  if (step.answer) packets_.push_back({session, encode(*step.answer)});
  if (step.packet) packets_.push_back({session, encode(*step.packet)});
  if (step.change) changes_.push_back({session, *step.change});
  requeue(entry);
}

void Engine::requeue(Entry& entry) {
  auto due = entry.session.deadline().value_or(Instant::max());
  if (entry.retires_at) due = std::min(due, *entry.retires_at);
  if (entry.queued->first == due) return;
  auto node = queue_.extract(entry.queued);
  node.value().first = due;
  entry.queued = queue_.insert(std::move(node)).position;
}

void Engine::clear() {
  packets_.clear();
  changes_.clear();
  gone_.clear();
}

std::unexpected<Rejection> Engine::refuse(const Rejection& rejection) {
  ++rejected_.at(static_cast<std::size_t>(rejection.reason));
  return std::unexpected(rejection);
}

// ---------------------------------------------------------------- looking

const Session* Engine::find(Discriminator session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second.session;
}

std::optional<Discriminator> Engine::find(const Path& path) const {
  const auto found = paths_.find(normal(path));
  if (found == paths_.end()) return std::nullopt;
  return found->second;
}

}  // namespace slash32::bfd
