#include "agent/plan/lb_ipam.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <set>

#include "agent/model/fields.h"

namespace slash32::agent::plan {
namespace {

using model::IpPool;
using model::Service;

constexpr const char* kAddressesAnnotation = "slash32.io/load-balancer-ips";
constexpr const char* kPoolAnnotation = "slash32.io/pool";
constexpr const char* kSharingAnnotation = "slash32.io/sharing-key";

std::string annotation(const Service& service, const char* key) {
  const auto at = service.meta.annotations.find(key);
  return at == service.meta.annotations.end() ? std::string{} : at->second;
}

bool is_ours(const Service& service) {
  return service.type == model::ServiceType::LoadBalancer &&
         service.load_balancer_class.value_or(kLoadBalancerClass) == kLoadBalancerClass;
}

bool holds(const IpPool& pool, const IpAddress& address) {
  return std::ranges::any_of(pool.addresses, [&](const auto& range) { return range.contains(address); });
}

bool serves(const IpPool& pool, const Service& service) {
  if (!pool.enabled || !pool.services.matches(service.meta.labels)) return false;
  return pool.namespaces.empty() || std::ranges::find(pool.namespaces, service.meta.key.space) != pool.namespaces.end();
}

/// Two Services on one address: kube-proxy tells them apart by their ports; where one of them is Local, nodes without
/// its endpoints are not sent packets for the other either, so both must have the same.
bool can_share(const Service& a, const Service& b) {
  const auto key = annotation(a, kSharingAnnotation);
  if (key.empty() || key != annotation(b, kSharingAnnotation)) return false;
  for (const auto& port : a.ports)
    if (std::ranges::find(b.ports, port) != b.ports.end()) return false;
  const bool both_cluster =
      a.external_policy == model::TrafficPolicy::Cluster && b.external_policy == model::TrafficPolicy::Cluster;
  return both_cluster || (a.external_policy == b.external_policy && !a.selector.empty() && a.selector == b.selector &&
                          a.meta.key.space == b.meta.key.space);
}

std::uint64_t size_of(const IpPool& pool) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t total = 0;
  for (const auto& range : pool.addresses)
    for (const auto& prefix : range.prefixes()) {
      const auto bits = prefix.address().bits() - prefix.length();
      const auto size = bits >= 64 ? kMost : std::uint64_t{1} << bits;
      total = size > kMost - total ? kMost : total + size;
    }
  return total;
}

/// What a Service asks for.
struct Request {
  std::vector<IpAddress> addresses;
  std::string pool;
  std::string problem;  // it cannot be read
};

Request request_of(const Service& service) {
  Request out;
  out.pool = annotation(service, kPoolAnnotation);
  auto text = annotation(service, kAddressesAnnotation);
  const std::string place = text.empty() ? "spec.loadBalancerIP" : std::string(kAddressesAnnotation);
  if (text.empty()) text = service.load_balancer_ip;
  if (text.empty()) return out;
  auto addresses = model::address_list(text);
  if (addresses)
    out.addresses = *std::move(addresses);
  else
    out.problem = place + " \"" + text + "\": " + addresses.error().message;
  return out;
}

/// A Service that is to have addresses.
struct Client {
  const Service* service = nullptr;
  Request request;
  std::vector<IpAddress> has;
  bool foreign = false;  // what it has is somebody else's, and left alone: addresses of no pool of ours, a host name

  bool has_family(AddressFamily family) const {
    return std::ranges::find(has, family, &IpAddress::family) != has.end();
  }
};

class Allocator {
 public:
  explicit Allocator(const World& world) : world_(world) {
    for (const auto& [name, pool] : world.pools) pools_.push_back(&pool);
    std::ranges::stable_sort(pools_, std::ranges::greater{}, &IpPool::priority);
    for (const auto& [key, service] : world.services) {
      if (world.unread_services.contains(key)) continue;
      if (is_ours(service))
        clients_.push_back({&service, request_of(service), {}, false});
      else
        take_notice(service);
    }
    std::ranges::stable_sort(clients_, {}, [](const Client& c) { return c.service->meta.created; });
  }

  LbPlan run() {
    for (auto& client : clients_) keep(client);
    for (const auto& [key, addresses] : world_.unread_services) hold_unread(key, addresses);
    for (auto& client : clients_) assign_requested(client);
    for (auto& client : clients_) assign_any(client);
    for (const auto& client : clients_) report(client);
    count();
    return std::move(plan_);
  }

 private:
  /// A Service that cannot be read keeps what it has, and what it had when it could be; nothing is written of it, and
  /// who shares an address with it keeps that as well.
  void hold_unread(const model::ObjectKey& key, std::vector<IpAddress> addresses) {
    auto& stand_in = unread_.emplace_back();
    stand_in.meta.key = key;
    if (const auto before = world_.services.find(key); before != world_.services.end())
      std::ranges::copy(before->second.ingress, std::back_inserter(addresses));
    for (const auto& address : addresses)
      if (pool_of(address) != nullptr) holders_[address].push_back(&stand_in);
  }

  /// An address of a pool that a Service of another class has is not free; one that is no load balancer any more gives
  /// back what it had.
  void take_notice(const Service& service) {
    bool ours = false;
    for (const auto& address : service.ingress) ours |= pool_of(address) != nullptr;
    if (!ours) return;
    if (service.type != model::ServiceType::LoadBalancer && !service.ingress_by_name)
      plan_.assignments.push_back({service.meta.key, {}});
    else
      for (const auto& address : service.ingress) holders_[address].push_back(&service);
  }

  const IpPool* pool_of(const IpAddress& address) const {
    const auto at = std::ranges::find_if(pools_, [&](const IpPool* pool) { return holds(*pool, address); });
    return at == pools_.end() ? nullptr : *at;
  }

  bool is_free_for(const Service& service, const IpAddress& address) const {
    const auto at = holders_.find(address);
    if (at == holders_.end()) return true;
    return std::ranges::all_of(at->second, [&](const Service* other) { return can_share(service, *other); });
  }

  void give(Client& client, const IpAddress& address) {
    client.has.push_back(address);
    holders_[address].push_back(client.service);
  }

  static bool wants(const Client& client, AddressFamily family) {
    const auto& families = client.service->ip_families;
    return families.empty() ? family == AddressFamily::IPv4 : std::ranges::find(families, family) != families.end();
  }

  bool may_keep(const Client& client, const IpAddress& address) const {
    const auto& [addresses, pool_name, problem] = client.request;
    if (!wants(client, address.family()) || client.has_family(address.family())) return false;
    if (!problem.empty()) return true;  // what it has is better than what cannot be read
    if (!addresses.empty() && std::ranges::find(addresses, address) == addresses.end()) return false;
    // Its pool was taken away: clients know it, as they do where it is all that a Service has.
    if (pool_of(address) == nullptr) return pool_name.empty() || !is_offered(client, address.family());
    const bool in_pool = std::ranges::any_of(
        pools_, [&](const IpPool* p) { return p->meta.key.name == pool_name && holds(*p, address); });
    return pool_name.empty() || in_pool;
  }

  void keep(Client& client) {
    const auto& ingress = client.service->ingress;
    const auto is_of_a_pool = [&](const IpAddress& a) { return pool_of(a) != nullptr; };
    client.foreign =
        client.service->ingress_by_name || (!ingress.empty() && std::ranges::none_of(ingress, is_of_a_pool));
    if (client.foreign) {
      for (const auto& address : ingress)
        if (is_of_a_pool(address)) holders_[address].push_back(client.service);
      return;
    }
    for (const auto& address : ingress) {
      if (!may_keep(client, address)) continue;
      if (is_free_for(*client.service, address))
        give(client, address);
      else
        warn(client, "AddressConflict", address.to_string() + " belongs to " + owner_of(address));
    }
  }

  std::string owner_of(const IpAddress& address) const {
    return "Service " + holders_.at(address).front()->meta.key.to_string();
  }

  static bool is_settled(const Client& client) { return client.foreign || client.service->meta.deleting; }

  void assign_requested(Client& client) {
    if (is_settled(client)) return;
    if (!client.request.problem.empty()) return warn(client, "InvalidRequest", client.request.problem);
    std::vector<IpAddress> found;
    bool all = true;
    for (const auto& address : client.request.addresses) {
      if (std::ranges::find(client.has, address) != client.has.end()) continue;
      const auto problem = why_not(client, address, found);
      if (problem.empty())
        found.push_back(address);
      else
        warn(client, "AddressNotAvailable", address.to_string() + " " + problem);
      all &= problem.empty();
    }
    if (client.service->require_dual_stack && !all) return;
    for (const auto& address : found) give(client, address);
  }

  /// `found`: what it gets besides.
  std::string why_not(const Client& client, const IpAddress& address, const std::vector<IpAddress>& found) const {
    if (!wants(client, address.family())) return "is of no family of the Service";
    if (client.has_family(address.family()) || std::ranges::count(found, address.family(), &IpAddress::family) > 0)
      return "is a second address of its family";
    const bool offered = std::ranges::any_of(
        pools_, [&](const IpPool* pool) { return holds(*pool, address) && serves(*pool, *client.service); });
    if (!offered) return "is in no IPPool that serves this Service";
    if (!is_free_for(*client.service, address)) return "belongs to " + owner_of(address) + ", and cannot be shared";
    return {};
  }

  void assign_any(Client& client) {
    if (is_settled(client) || !client.request.addresses.empty() || !client.request.problem.empty()) return;
    std::vector<IpAddress> found;
    std::vector<AddressFamily> missing;
    for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
      if (!wants(client, family) || client.has_family(family)) continue;
      if (const auto address = find_address(client, family))
        found.push_back(*address);
      else
        missing.push_back(family);
    }
    const bool both = client.service->require_dual_stack;
    const bool has_none = client.has.empty() && found.empty();
    for (const auto family : missing)
      if (both || has_none || is_offered(client, family))  // else the other family will do
        warn(client, "NoAddress",
             "no IPPool that serves this Service has an " + std::string(to_string(family)) + " address free" +
                 in_pool_text(client));
    if (both && !missing.empty()) return;
    for (const auto& address : found) give(client, address);
  }

  static std::string in_pool_text(const Client& client) {
    return client.request.pool.empty() ? "" : " (asked for: \"" + client.request.pool + "\")";
  }

  /// A pool that may be asked without being named, or is the one that is named.
  static bool is_candidate(const IpPool& pool, const Client& client) {
    if (!serves(pool, *client.service)) return false;
    return client.request.pool.empty() ? pool.auto_assign : pool.meta.key.name == client.request.pool;
  }

  bool is_offered(const Client& client, AddressFamily family) const {
    return std::ranges::any_of(pools_, [&](const IpPool* pool) {
      return is_candidate(*pool, client) &&
             std::ranges::any_of(pool->addresses, [&](const auto& range) { return range.first.family() == family; });
    });
  }

  std::optional<IpAddress> find_address(const Client& client, AddressFamily family) {
    if (!annotation(*client.service, kSharingAnnotation).empty())
      for (const auto& [address, services] : holders_) {
        const auto* pool = pool_of(address);
        if (address.family() == family && pool != nullptr && is_candidate(*pool, client) &&
            is_free_for(*client.service, address))
          return address;
      }
    for (const auto* pool : pools_)
      if (is_candidate(*pool, client))
        for (const auto& range : pool->addresses)
          if (const auto address = range.first.family() == family ? first_free(range) : std::nullopt) return address;
    return std::nullopt;
  }

  /// The lowest address nobody holds. Addresses are only ever taken while a plan is made, so a search goes on where the
  /// last one ended.
  std::optional<IpAddress> first_free(const model::AddressRange& range) {
    auto& at = next_.try_emplace(&range, range.first).first->second;
    while (at && range.contains(*at) && holders_.contains(*at)) at = advance(*at, 1);
    if (at && !range.contains(*at)) at.reset();
    return at;
  }

  void report(const Client& client) {
    if (client.service->ingress_by_name)
      return warn(client, "OtherLoadBalancer",
                  "its status has a host name, which another load balancer wrote: left as it is");
    if (client.foreign) return warn(client, "AddressInNoPool", "its addresses are in no IPPool, and left as they are");
    for (const auto& address : client.has)
      if (pool_of(address) == nullptr)
        warn(client, "AddressInNoPool", address.to_string() + " is in no IPPool, and left as it is");
    auto has = client.has;
    const auto place = [&](const IpAddress& address) {
      return std::ranges::find(client.service->ip_families, address.family()) - client.service->ip_families.begin();
    };
    std::ranges::stable_sort(has, {}, place);
    if (has != client.service->ingress) plan_.assignments.push_back({client.service->meta.key, std::move(has)});
  }

  void warn(const Client& client, const char* reason, std::string message) {
    const auto& meta = client.service->meta;
    plan_.events.push_back({model::Kind::Service, meta.key, true, reason, std::move(message), meta.uid});
  }

  void count() {
    for (const auto* pool : pools_) {
      auto& use = plan_.pools[pool->meta.key.name];
      use.total = size_of(*pool);
      for (const auto& [address, services] : holders_) use.used += holds(*pool, address) ? 1 : 0;
      for (const auto* other : pools_)
        if (other != pool && overlap(*pool, *other)) use.problem = "overlaps IPPool " + other->meta.key.name;
    }
  }

  static bool overlap(const IpPool& a, const IpPool& b) {
    return std::ranges::any_of(a.addresses, [&](const auto& x) {
      return std::ranges::any_of(b.addresses, [&](const auto& y) { return x.first <= y.last && y.first <= x.last; });
    });
  }

  const World& world_;
  std::vector<const IpPool*> pools_;  // the greatest priority first, then by name
  std::vector<Client> clients_;       // the oldest first
  std::deque<Service> unread_;        // names of those that cannot be read, who share with nobody
  std::map<IpAddress, std::vector<const Service*>> holders_;
  std::map<const model::AddressRange*, std::optional<IpAddress>> next_;
  LbPlan plan_;
};

}  // namespace

LbPlan plan_load_balancers(const World& world) { return Allocator(world).run(); }

}  // namespace slash32::agent::plan
