// slash32-ipam as a CNI IPAM plugin of its own, for ptp, bridge or any other that delegates (CNI spec section 4). It
// cannot see in the kernel who is dead: its store outlives everything but a reboot.
#include <algorithm>
#include <string>
#include <vector>

#include "common/cni/error.h"
#include "common/cni/skel.h"
#include "common/log.h"
#include "config/ipam_conf.h"
#include "ipam/ipam.h"

namespace slash32::ipam {
namespace {

constexpr auto kDataDir = config::kDelegatedDataDir;

Key key_of(const cni::Call& call) { return {call.network, call.args.container_id, call.args.ifname}; }

Result<config::IpamConf> conf_of(const cni::Call& call) {
  auto conf =
      TRY(call.root().required("ipam", [](const JsonField& field) { return config::read_ipam_conf(field, kDataDir); }));
  TRY(config::use_ip_ranges(call.root(), conf));
  conf.ranges = TRY(config::effective_ranges(conf));
  // As host-local: the callers we serve route through the gateway, so without one it is the subnet's first address.
  for (auto& range : conf.ranges) {
    if (range.gateway || range.subnet.length() + 1 >= range.subnet.address().bits()) continue;
    range.gateway = advance(range.subnet.address(), 1);
    if (!config::has_address(range))
      return fail(cni::kInvalidConfig, "/ipam: the default gateway " + range.gateway->to_string() +
                                           " leaves no address of " + range.first.to_string() + " to " +
                                           range.last.to_string() + "; give \"gateway\"");
  }
  return conf;
}

/// What DEL and GC need; what is wrong is told on standard error and does not hold them up.
config::IpamConf lenient_conf_of(const cni::Call& call) {
  for (const auto& complaint : call.ignored) log::warn("configuration, ignored", {{"complaint", complaint}});
  if (const auto strict =
          call.root().required("ipam", [](const auto& f) { return config::read_ipam_conf(f, kDataDir); });
      !strict)
    log::warn("configuration, ignored", {{"complaint", strict.error().message}});
  return config::read_ipam_conf_leniently(call.root(), kDataDir);
}

Ipam ipam_of(config::IpamConf conf, const cni::Call& call) {
  return Ipam(std::move(conf), KernelView{}, boot_time, call.deadline.remaining());
}

const config::IpamRange* range_of(const config::IpamConf& conf, const Prefix& subnet) {
  for (const auto& range : conf.ranges)
    if (range.subnet == subnet) return &range;
  return nullptr;
}

/// CNI section 4: no interfaces, and no index into them.
Result<cni::AddResult> add(const cni::Call& call) {
  const auto conf = TRY(conf_of(call));
  const Request request{TRY(cni::requested_addresses(call.root(), call.args.extra))};
  const auto lease = TRY(ipam_of(conf, call).acquire(key_of(call), request));
  cni::AddResult result;
  for (const auto& leased : lease.addresses) {
    const auto* range = range_of(conf, leased.subnet);
    result.ips.push_back({.address = leased.address,
                          .prefix_length = leased.subnet.length(),
                          .gateway = range != nullptr ? range->gateway : std::nullopt,
                          .interface = {}});
  }
  result.routes = conf.routes;
  return result;
}

Status del(const cni::Call& call) { return ipam_of(lenient_conf_of(call), call).release(key_of(call)); }

Status check(const cni::Call& call) {
  const auto conf = TRY(conf_of(call));
  const auto previous = TRY(call.root().required(
      "prevResult", [&](const JsonField& field) { return cni::parse_add_result(field, call.version); }));
  std::vector<IpAddress> ours;  // a chained plugin may have added addresses of its own
  for (const auto& ip : previous.ips)
    if (std::ranges::any_of(conf.ranges, [&](const auto& range) { return range.subnet.contains(ip.address); }))
      ours.push_back(ip.address);
  return ipam_of(conf, call).check(key_of(call), ours);
}

Status status(const cni::Call& call) {
  auto conf = conf_of(call);
  if (!conf) return fail(cni::kNotAvailable, conf.error().message);
  return ipam_of(std::move(*conf), call).status();
}

Status gc(const cni::Call& call) {
  std::vector<Key> valid;
  for (const auto& attachment : call.valid) valid.push_back({call.network, attachment.container_id, attachment.ifname});
  return ipam_of(lenient_conf_of(call), call).collect(call.network, valid);
}

}  // namespace
}  // namespace slash32::ipam

int main() {
  using namespace slash32;
  cni::install_stop_signals();
  const cni::Program program{
      .about = "slash32-ipam " SLASH32_VERSION ": a CNI IPAM plugin; hands out addresses of one node",
      .known_cni_args = cni::usual_cni_args(),
      .budgets = {}};
  return cni::run(program, cni::real_env(),
                  {.add = ipam::add, .del = ipam::del, .check = ipam::check, .status = ipam::status, .gc = ipam::gc});
}
