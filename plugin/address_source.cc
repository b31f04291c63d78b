#include "plugin/address_source.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/log.h"
#include "ipam/kernel_view.h"
#include "plugin/delegate.h"

namespace slash32::plugin {
namespace {

constexpr std::chrono::milliseconds kUndoTime{5'000};

/// The addresses of a foreign plugin's result. Lengths do not matter: every pod gets a /32 or /128.
Result<Granted> granted_by(const cni::AddResult& result, const std::string& type) {
  Granted out{.addresses = {}, .dns = result.dns};
  for (const auto& ip : result.ips) {
    const auto same = [&](const IpAddress& a) { return a.family() == ip.address.family(); };
    if (std::ranges::any_of(out.addresses, same))
      return fail(cni::kInternal, type + " gave two " + std::string(to_string(ip.address.family())) +
                                      " addresses; a pod has one of each family");
    out.addresses.push_back(ip.address);
  }
  if (out.addresses.empty()) return fail(cni::kInternal, type + " gave no address");
  std::ranges::sort(out.addresses);
  return out;
}

Delegate delegate_of(const cni::Call& call, const config::NetConf& conf) {
  return {.type = conf.ipam_type, .path = call.args.path, .config = call.config_text};
}

/// No pod may get the address it reaches its gateway by. The ranges are resolved for that: they may be node.json's.
Status keep_gateways_out(config::IpamConf& ipam, const config::NetConf& conf) {
  ipam.ranges = TRY(config::effective_ranges(ipam));
  for (auto& range : ipam.ranges) {
    const auto& gateway = conf.gateway(range.subnet.family());
    if (!range.contains(gateway)) continue;
    range.exclude.push_back(Prefix::host(gateway));
    if (!config::has_address(range))
      return fail(cni::kInvalidConfig, "/gateway: " + gateway.to_string() + " leaves no address of " +
                                           range.subnet.to_string() + " for pods");
  }
  return ok();
}

/// A plugin that knows no such verb: code 4 (unknown CNI_COMMAND), 1 where it knows only older versions, or 3 where it
/// misses a container ID first, as every verb needed one before GC and STATUS (Debian 12's host-local).
bool is_unknown_verb(const Error& error) {
  return error.code == cni::kInvalidEnvironment || error.code == cni::kIncompatibleVersion ||
         error.code == cni::kUnknownContainer;
}

}  // namespace

Result<AddressSource> AddressSource::open(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host) {
  config::IpamConf ipam;
  ipam.data_dir = conf.data_dir;
  if (conf.ipam_type == config::kIpamType) {
    const auto root = call.root();
    ipam = TRY(config::read_ipam_conf(root.child("ipam"), conf.data_dir));
    if (!call.config["ipam"].contains("nodeFile")) ipam.node_file = conf.node_file;
    TRY(config::use_ip_ranges(root, ipam));
  }
  return AddressSource(call, conf, host, std::move(ipam));
}

AddressSource AddressSource::open_leniently(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host) {
  auto ipam = config::read_ipam_conf_leniently(call.root(), conf.data_dir);
  if (conf.ipam_type == config::kIpamType) {
    const auto strict = config::read_ipam_conf(call.root().child("ipam"), conf.data_dir);
    if (!strict) log::warn("configuration, ignored", {{"complaint", strict.error().message}});
  }
  return {call, conf, host, std::move(ipam)};
}

ipam::Ipam AddressSource::own(std::chrono::milliseconds lock_wait) const {
  return {ipam_conf_, ipam::kernel_view(*host_), ipam::boot_time, lock_wait};
}

/// Where our own store may be: the configured directory, and the default one where another IPAM is named now (then a
/// `dataDir` is that one's, or ours still).
std::vector<ipam::Ipam> AddressSource::own_stores(std::chrono::milliseconds lock_wait) const {
  std::vector<ipam::Ipam> stores = {own(lock_wait)};
  if (is_own() || ipam_conf_.data_dir == conf_->data_dir) return stores;
  auto usual = ipam_conf_;
  usual.data_dir = conf_->data_dir;
  stores.emplace_back(std::move(usual), ipam::kernel_view(*host_), ipam::boot_time, lock_wait);
  return stores;
}

Result<Granted> AddressSource::acquire(const ipam::Key& key) {
  if (!is_own()) return acquire_foreign();
  const auto wanted = TRY(cni::requested_addresses(call_->root(), call_->args.extra));
  TRY(keep_gateways_out(ipam_conf_, *conf_));
  const auto lease = TRY(own(call_->deadline.remaining()).acquire(key, {.addresses = wanted}));
  Granted out;
  for (const auto& leased : lease.addresses) out.addresses.push_back(leased.address);
  return out;
}

Result<Granted> AddressSource::acquire_foreign() {
  auto granted = [&]() -> Result<Granted> {
    const auto output = TRY(execute(cni::Command::Add));
    const auto document = TRY(parse_json(output));
    const auto result = TRY(cni::parse_add_result(JsonField(document), call_->version));
    auto out = TRY(granted_by(result, conf_->ipam_type));
    for (const auto& address : out.addresses)
      if (address == conf_->gateway(address.family()))
        return fail(cni::kInvalidConfig,
                    "/gateway: " + conf_->ipam_type + " gave a pod its gateway's own address, " + address.to_string());
    return out;
  }();
  if (granted) return granted;
  auto& error = granted.error();
  // CNI section 4: after its failed ADD a delegated plugin's DEL is to be called.
  const auto undone = run_delegate(delegate_of(*call_, *conf_), cni::Command::Del, {kUndoTime, /*heed_stop=*/false});
  if (!undone) error.message += "; and its DEL failed: " + undone.error().message;
  return granted;
}

Status AddressSource::release(const ipam::Key& key, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + patience;
  Status ours = ok();
  for (auto& store : own_stores(patience))
    if (auto done = store.release(key); !done) ours = std::move(done);
  if (is_own() || !foreign_is_there(cni::Command::Del)) return ours;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  const auto done = run_delegate(delegate_of(*call_, *conf_), cni::Command::Del, {left, /*heed_stop=*/false});
  if (done) return ours;
  if (done.error().code != cni::kIncompatibleVersion) return fail(done.error());
  log::warn("IPAM plugin is not for this cniVersion; its addresses may stay held",
            {{"plugin", conf_->ipam_type}, {"container", key.container_id}, {"error", done.error().message}});
  return ours;
}

/// For DEL and GC: a pod must be able to go although its IPAM is not configured any more, or uninstalled.
bool AddressSource::foreign_is_there(cni::Command command) const {
  const std::string verb(cni::to_string(command));
  if (conf_->ipam_type.empty()) {
    log::warn("no IPAM to run: /ipam/type is missing", {{"verb", verb}, {"container", call_->args.container_id}});
    return false;
  }
  const auto found = find_plugin(conf_->ipam_type, call_->args.path);
  if (!found)
    log::warn("no IPAM to run; its addresses may stay held",
              {{"verb", verb}, {"container", call_->args.container_id}, {"error", found.error().message}});
  return found.has_value();
}

Status AddressSource::check(const ipam::Key& key, const std::vector<IpAddress>& addresses) {
  if (is_own()) return own(call_->deadline.remaining()).check(key, addresses);
  TRY(execute(cni::Command::Check));
  return ok();
}

Status AddressSource::collect(const std::vector<ipam::Key>& valid) {
  Status ours = ok();
  for (auto& store : own_stores(call_->deadline.remaining()))
    if (auto done = store.collect(call_->network, valid); !done) ours = std::move(done);
  if (is_own() || !foreign_is_there(cni::Command::Gc)) return ours;
  TRY(execute_if_known(cni::Command::Gc));
  return ours;
}

Status AddressSource::status() {
  if (!is_own()) return execute_if_known(cni::Command::Status);
  auto usable = own(call_->deadline.remaining()).status();
  if (usable) usable = keep_gateways_out(ipam_conf_, *conf_);
  if (usable) return ok();
  auto error = std::move(usable).error();
  error.code = cni::kNotAvailable;
  return fail(std::move(error));
}

Result<std::optional<Families>> AddressSource::families() const {
  if (!is_own()) return std::optional<Families>{};
  Families out;
  for (const auto& range : TRY(config::effective_ranges(ipam_conf_)))
    (range.subnet.address().is_v4() ? out.v4 : out.v6) = true;
  return std::optional(out);
}

Result<std::string> AddressSource::execute(cni::Command command) const {
  return run_delegate(delegate_of(*call_, *conf_), command, {call_->deadline.remaining()});
}

Status AddressSource::execute_if_known(cni::Command command) const {
  const auto done = execute(command);
  if (done) return ok();
  if (!is_unknown_verb(done.error())) return fail(done.error());
  log::info(
      "IPAM plugin does not know the verb",
      {{"plugin", conf_->ipam_type}, {"verb", std::string(cni::to_string(command))}, {"error", done.error().message}});
  return ok();
}

}  // namespace slash32::plugin
