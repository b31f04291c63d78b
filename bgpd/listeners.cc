#include "bgpd/listeners.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/scope_guard.h"

namespace slash32::bgp {
namespace {

Endpoint endpoint(const config::ListenConf& conf) { return {conf.address, conf.port}; }

bool contains(const Listeners::Wanted& list, const Endpoint& local) {
  return std::ranges::any_of(list, [&](const auto& one) { return endpoint(one) == local; });
}

/// Whether the kernel would let only one of them have the port.
bool overlap(const Endpoint& a, const Endpoint& b) {
  const auto is_any = [](const IpAddress& address) {
    return address == IpAddress::v4(0) || address == IpAddress::v6({});
  };
  return a.port == b.port && a.address.family() == b.address.family() && (is_any(a.address) || is_any(b.address));
}

}  // namespace

Result<std::vector<Listener>> Listeners::prepare(const Wanted& before, const Wanted& wanted, const ListenKeys& keys) {
  std::vector<Listener> out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Endpoint local = endpoint(wanted[i]);
    if (is_open(local) || contains(before, local)) continue;
    std::vector<Listener*> sharing;
    for (auto& old : open_)
      if (!contains(wanted, old.local()) && overlap(old.local(), local)) sharing.push_back(&old);
    const auto share = [&](bool on) {
      for (auto* old : sharing)
        if (const auto good = old->share_port(on); !good) log::error("listener", {{"why", good.error().message}});
    };
    share(true);
    const ScopeGuard alone_again{[&] { share(false); }};
    auto listener = Listener::open(loop_, local, accepted_, {.keys = keys, .beside_own = !sharing.empty()});
    if (!listener) return fail(in("/listen/" + std::to_string(i), std::move(listener).error()));
    if (!sharing.empty()) TRY(listener->share_port(false));
    out.push_back(*std::move(listener));
  }
  return out;
}

void Listeners::take(std::vector<Listener> prepared, const Wanted& wanted) {
  std::erase_if(open_, [&](const Listener& listener) { return !contains(wanted, listener.local()); });
  std::erase_if(problems_, [&](const auto& problem) {
    return std::ranges::none_of(wanted, [&](const auto& one) { return to_string(endpoint(one)) == problem.first; });
  });
  std::ranges::move(prepared, std::back_inserter(open_));
}

bool Listeners::open_missing(const Wanted& wanted, const ListenKeys& keys) {
  const auto before = std::exchange(problems_, {});
  for (const auto& one : wanted) {
    const Endpoint local = endpoint(one);
    if (is_open(local)) continue;
    auto listener = Listener::open(loop_, local, accepted_, {.keys = keys, .needs_every_key = false});
    if (listener) {
      open_.push_back(*std::move(listener));
      continue;
    }
    const auto& why = problems_[to_string(local)] = listener.error().message;
    const auto known = before.find(to_string(local));
    if (known == before.end() || known->second != why) log::error("not listening", {{"why", why}});
  }
  return problems_.empty();
}

Status Listeners::set_keys(const Prefix& peer, const TcpKeys& keys) {
  for (auto& listener : open_) TRY(listener.set_keys(peer, keys));
  return ok();
}

bool Listeners::is_open(const Endpoint& local) const {
  return std::ranges::any_of(open_, [&](const Listener& listener) { return listener.local() == local; });
}

}  // namespace slash32::bgp
