// FibWriter's aggregates: their blackholes stand only where no other program has a route to the very prefix, whatever
// its metric. Ours (128) would beat an IPv6 link's own route (256) and cut the node off from its LAN.
#include <algorithm>
#include <array>

#include "bgpd/fib/fib_writer.h"

namespace slash32::bgp {
namespace {

using netlink::RouteProtocol;

constexpr Duration kPlacePause = std::chrono::seconds(1);  // between two looks at the places

bool is_of_slash32(RouteProtocol protocol) {
  return protocol == RouteProtocol::Slash32Pod || protocol == RouteProtocol::Slash32Aggregate ||
         protocol == RouteProtocol::Slash32Bgp;
}

}  // namespace

void FibWriter::want_aggregates(const std::vector<Prefix>& aggregates) {
  aggregates_wanted_ = {aggregates.begin(), aggregates.end()};
  std::erase_if(occupied_, [&](const auto& entry) { return !aggregates_wanted_.contains(entry.first); });
  {
    const std::lock_guard lock(mutex_);
    FibTable& table = aggregates_.table;
    std::vector<Prefix> unwanted = table.wanted();
    table.each_in_kernel([&](const Prefix& prefix, SetId) { unwanted.push_back(prefix); });
    for (const Prefix& prefix : unwanted)
      if (!aggregates_wanted_.contains(prefix)) table.want(prefix, {});
  }
  place_aggregates();
  tell_ready_aggregates();
}

/// Wants the blackholes whose places are free, and takes back those whose are not any more.
void FibWriter::place_aggregates() {
  place_at_.reset();
  last_place_ = std::chrono::steady_clock::now();
  auto others = others_in_place();
  if (!others) return look_at_places();
  const std::lock_guard lock(mutex_);
  for (const Prefix& prefix : aggregates_wanted_) {
    const auto other = others->find(prefix);
    if (other == others->end()) {
      aggregates_.table.want_blackhole(prefix);
      continue;
    }
    aggregates_.table.want(prefix, {});
    if (occupied_.contains(prefix)) continue;
    report_.aggregates_failed.push_back({prefix, other->second});
    problem(prefix.to_string() + ": " + other->second + ": not installed, and tried again when that one goes");
  }
  aggregates_.table.sweep();  // whatever of an earlier life turns up from here on is known not to be wanted
  occupied_ = std::move(*others);
}

/// Of the wanted aggregates, those to whose prefix another program has a route in the table, and which. Nothing: the
/// kernel did not tell.
std::optional<std::map<Prefix, std::string>> FibWriter::others_in_place() {
  std::map<Prefix, std::string> out;
  for (const AddressFamily family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    if (std::ranges::none_of(aggregates_wanted_, [&](const Prefix& p) { return p.family() == family; })) continue;
    const auto done = bulk_.dump_routes(
        {.family = family, .table = settings_.table, .protocol = {}, .link = {}},
        [&] { std::erase_if(out, [&](const auto& entry) { return entry.first.family() == family; }); },
        [&](const netlink::Route& route) {
          if (is_of_slash32(route.protocol) || route.table != settings_.table || route.tos != 0) return;
          if (!aggregates_wanted_.contains(route.destination)) return;
          out[route.destination] =
              "another program's route (protocol " + std::to_string(static_cast<int>(route.protocol)) + ", metric " +
              std::to_string(route.metric) + ", table " + std::to_string(route.table.value) + ") stands in its place";
        });
    if (done) continue;
    problem("look for other programs' routes to the aggregates: " + done.error().message);
    return std::nullopt;
  }
  return out;
}

/// Of those that failed and are now found in place, nothing else would tell.
void FibWriter::tell_ready_aggregates() {
  for (const Prefix& prefix : aggregates_.table.wanted())
    if (aggregates_.table.installed(prefix)) report_.aggregates_ready.push_back(prefix);
}

void FibWriter::look_at_places() {
  if (!place_at_) place_at_ = std::max(std::chrono::steady_clock::now(), last_place_ + kPlacePause);
}

}  // namespace slash32::bgp
