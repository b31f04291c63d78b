#include "plugin/address_source.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/log.h"
#include "plugin/delegate.h"
#include "plugin/kernel_view.h"

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

/// A plugin that knows no such verb: code 4 (unknown CNI_COMMAND), or 1 where it knows only older versions.
bool is_unknown_verb(const Error& error) {
  return error.code == cni::kInvalidEnvironment || error.code == cni::kIncompatibleVersion;
}

}  // namespace

Result<AddressSource> AddressSource::open(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host) {
  config::IpamConf ipam;
  if (conf.ipam_type == config::kIpamType) {
    const auto root = call.root();
    ipam = TRY(config::read_ipam_conf(root.child("ipam"), conf.data_dir));
    if (!call.config["ipam"].contains("nodeFile")) ipam.node_file = conf.node_file;
  }
  return AddressSource(call, conf, host, std::move(ipam));
}

AddressSource AddressSource::open_leniently(const cni::Call& call, const config::NetConf& conf, netlink::Socket& host) {
  return {call, conf, host, config::read_ipam_conf_leniently(call.root(), conf.data_dir)};
}

ipam::Ipam AddressSource::own(std::chrono::milliseconds lock_wait) const {
  return {ipam_conf_, kernel_view(*host_), ipam::boot_time, lock_wait};
}

Result<Granted> AddressSource::acquire(const ipam::Key& key) {
  if (!is_own()) return acquire_foreign();
  const auto wanted = TRY(cni::requested_addresses(call_->root(), call_->args.extra));
  const auto lease = TRY(own(call_->deadline.remaining()).acquire(key, {.addresses = wanted}));
  Granted out;
  for (const auto& leased : lease.addresses) out.addresses.push_back(leased.address);
  return out;
}

Result<Granted> AddressSource::acquire_foreign() {
  auto granted = [&]() -> Result<Granted> {
    const auto output = TRY(execute(cni::Command::Add));
    const auto document = TRY(parse_json(output));
    return granted_by(TRY(cni::parse_add_result(JsonField(document), call_->version)), conf_->ipam_type);
  }();
  if (granted) return granted;
  auto& error = granted.error();
  // CNI section 4: after its failed ADD a delegated plugin's DEL is to be called.
  const auto undone = run_delegate(delegate_of(*call_, *conf_), cni::Command::Del, {kUndoTime, /*heed_stop=*/false});
  if (!undone) error.message += "; and its DEL failed: " + undone.error().message;
  return granted;
}

Status AddressSource::release(const ipam::Key& key, std::chrono::milliseconds patience) {
  if (is_own()) return own(patience).release(key);
  if (conf_->ipam_type.empty()) {
    log::warn("no IPAM to release from: /ipam/type is missing", {{"container", key.container_id}});
    return ok();
  }
  TRY(run_delegate(delegate_of(*call_, *conf_), cni::Command::Del, {patience, /*heed_stop=*/false}));
  return ok();
}

Status AddressSource::check(const ipam::Key& key, const std::vector<IpAddress>& addresses) {
  if (is_own()) return own(call_->deadline.remaining()).check(key, addresses);
  TRY(execute(cni::Command::Check));
  return ok();
}

Status AddressSource::collect(const std::vector<ipam::Key>& valid) {
  if (is_own()) return own(call_->deadline.remaining()).collect(call_->network, valid);
  return execute_if_known(cni::Command::Gc);
}

Status AddressSource::status() {
  if (!is_own()) return execute_if_known(cni::Command::Status);
  auto usable = own(call_->deadline.remaining()).status();
  if (usable) return ok();
  auto error = std::move(usable).error();
  error.code = cni::kNotAvailable;
  return fail(std::move(error));
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
