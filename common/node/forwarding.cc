#include "common/node/forwarding.h"

#include <optional>

#include "common/netlink/addressing.h"
#include "common/netlink/links.h"
#include "common/pod/names.h"
#include "common/pod/settings.h"

namespace slash32::node {
namespace {

namespace fs = std::filesystem;
using pod::read_setting;

constexpr std::string_view kConf4 = "/proc/sys/net/ipv4/conf";
constexpr std::string_view kConf6 = "/proc/sys/net/ipv6/conf";
constexpr std::string_view kSettings = "/proc/sys/net/";

fs::path accept_ra_of(const std::string& link) { return fs::path(kConf6) / link / "accept_ra"; }

/// Turning IPv6 forwarding on removes a default route learned from router advertisements at once, and the next
/// advertisement restores it only where accept_ra is 2. So: the links that have one, and heed advertisements now.
Result<std::vector<std::string>> links_living_on_ra(netlink::Socket& host) {
  std::vector<std::string> names;
  for (const auto& route : TRY(netlink::list_routes(host, AddressFamily::IPv6, netlink::kMainTable))) {
    if (!route.destination.is_default() || route.protocol != netlink::RouteProtocol::RouterAdvertisement) continue;
    for (const auto& hop : route.next_hops) {
      const auto link = TRY(netlink::find_link(host, hop.link));
      if (link && TRY(read_setting(accept_ra_of(link->name))) == "1") names.push_back(link->name);
    }
  }
  return names;
}

/// The value, or nothing where the file is gone with its interface.
Result<std::optional<std::string>> setting_if_there(const fs::path& path) {
  auto value = read_setting(path);
  std::error_code error;
  if (value) return std::optional(std::move(*value));
  if (!fs::exists(path, error) && !error) return std::nullopt;
  return fail(std::move(value).error());
}

/// The whole node's switch turns every interface's as well, and those of interfaces to come: off again, it would leave
/// one at 0 that was 1 by itself. Pods' host ends are our own work.
Result<Settings> forwarding_by_themselves(std::string_view conf) {
  Settings out;
  std::error_code error;
  for (fs::directory_iterator at(conf, error), end; !error && at != end; at.increment(error)) {
    const auto link = at->path().filename().string();
    if (link == "all" || pod::is_host_ifname(link)) continue;
    const auto path = at->path() / "forwarding";
    if (TRY(setting_if_there(path)) == "1") out[path.string()] = "1";
  }
  if (error) return fail(5, "list " + std::string(conf) + ": " + error.message());
  return out;
}

/// IPv4's switch sets all.accept_redirects to its own opposite (RFC 1812 section 5.2.7.2: a router heeds none): off
/// again, it would turn on what an administrator had turned off.
Result<Settings> refused_redirects() {
  const auto path = fs::path(kConf4) / "all" / "accept_redirects";
  const auto value = TRY(read_setting(path));
  return value == "0" ? Settings{{path.string(), value}} : Settings{};
}

Status record_and_write(const fs::path& state_dir, const fs::path& path, const std::string& value, Settings beside,
                        const cni::Deadline& deadline) {
  const auto found = TRY(read_setting(path));
  if (found == value) return ok();
  beside[path.string()] = found;
  TRY(record_found(state_dir, beside, deadline));
  return pod::write_setting(path, value);
}

Status enable4(const fs::path& state_dir, const cni::Deadline& deadline) {
  auto beside = TRY(forwarding_by_themselves(kConf4));
  beside.merge(TRY(refused_redirects()));
  return record_and_write(state_dir, kForward4, "1", std::move(beside), deadline);
}

Status enable6(netlink::Socket& host, const fs::path& state_dir, const cni::Deadline& deadline) {
  for (const auto& link : TRY(links_living_on_ra(host)))
    TRY(record_and_write(state_dir, accept_ra_of(link), "2", {}, deadline));
  return record_and_write(state_dir, kForward6, "1", TRY(forwarding_by_themselves(kConf6)), deadline);
}

bool changes_others(const std::string& setting) { return setting == kForward4 || setting == kForward6; }

}  // namespace

Result<Families> read_forwarding(netlink::Socket& socket, Families families) {
  std::vector<netlink::Request> requests;
  if (families.v4) requests.push_back(netlink::get_all_forwarding(AddressFamily::IPv4));
  if (families.v6) requests.push_back(netlink::get_all_forwarding(AddressFamily::IPv6));
  Families out{.v4 = !families.v4, .v6 = !families.v6};
  const auto answers = TRY(socket.exchange(requests));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    bool& on = families.v4 && i == 0 ? out.v4 : out.v6;
    for (const auto& reply : answers[i].replies) on = netlink::parse_forwarding(reply).value_or(on);
  }
  return out;
}

Status enable_forwarding(netlink::Socket& host, const fs::path& state_dir, Families families,
                         const cni::Deadline& deadline) {
  const auto forwarding = TRY(read_forwarding(host, families));
  if (!forwarding.v4) TRY(enable4(state_dir, deadline));
  if (!forwarding.v6) TRY(enable6(host, state_dir, deadline));
  return ok();
}

Result<std::vector<Setting>> in_order_of_restoring(const Settings& found) {
  std::vector<Setting> first;
  std::vector<Setting> rest;
  for (const auto& [path, value] : found) {
    const fs::path as_path(path);
    if (!path.starts_with(kSettings) || as_path.lexically_normal() != as_path)
      return fail(7, path + " is not a setting below " + std::string(kSettings));
    (changes_others(path) ? first : rest).push_back({.path = path, .value = value});
  }
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

}  // namespace slash32::node
