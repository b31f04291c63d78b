#include "plugin/pod_settings.h"

#include <filesystem>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/netns.h"

namespace slash32::plugin {
namespace {

constexpr std::string_view kForward4 = "/proc/sys/net/ipv4/ip_forward";
constexpr std::string_view kForward6 = "/proc/sys/net/ipv6/conf/all/forwarding";

std::filesystem::path path_of(const config::HostSetting& setting, const std::string& link) {
  return std::filesystem::path("/proc/sys") / setting.path(link);
}

Status write_forwarding(const PodNamespace& ns, std::string_view path, bool on) {
  const auto inside = TRY(NetnsGuard::enter(ns.pod.get(), ns.node.get()));
  return write_setting(path, on ? "1" : "0");
}

/// The value as it is, a text: sysctl(8)'s without the name.
Result<std::string> value_now(const netlink::Ipv4Settings& now, const config::HostSetting& setting,
                              const std::string& link) {
  const auto number = static_cast<std::size_t>(setting.devconf);
  if (number != 0) return std::to_string(number <= now.values.size() ? now.values[number - 1] : 0U);
  auto text = TRY(read_file(path_of(setting, link)));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

std::vector<netlink::Ipv4Setting> netlink_settings(const std::vector<config::HostSetting>& settings) {
  std::vector<netlink::Ipv4Setting> out;
  for (const auto& setting : settings)
    if (setting.devconf != 0)
      out.push_back({.number = setting.devconf, .value = static_cast<std::uint32_t>(setting.value)});
  return out;
}

Status write_host_settings(const std::string& link, const std::vector<config::HostSetting>& settings) {
  for (const auto& setting : settings)
    if (setting.devconf == 0) TRY(write_setting(path_of(setting, link), std::to_string(setting.value)));
  return ok();
}

Status check_host_settings(const netlink::Ipv4Settings& now, const std::string& link,
                           const std::vector<config::HostSetting>& settings) {
  for (const auto& setting : settings)
    if (const auto value = TRY(value_now(now, setting, link)); value != std::to_string(setting.value))
      return fail(cni::kInternal, "/proc/sys/" + setting.path(link) + " is " + value + ", not " +
                                      std::to_string(setting.value) + " as hostSysctl has it");
  return ok();
}

Result<Families> set_pod_forwarding(PodNamespace& ns, Families families, bool on) {
  const auto is = TRY(read_forwarding(ns.socket, families));
  const Families changed{.v4 = families.v4 && is.v4 != on, .v6 = families.v6 && is.v6 != on};
  if (changed.v4) TRY(write_forwarding(ns, kForward4, on));
  if (!changed.v6) return changed;
  if (const auto done = write_forwarding(ns, kForward6, on); !done) {
    undo_pod_forwarding(ns, {.v4 = changed.v4, .v6 = false}, on);
    return std::unexpected(done.error());
  }
  return changed;
}

void undo_pod_forwarding(const PodNamespace& ns, Families changed, bool on) {
  const auto undo = [&](std::string_view path) {
    if (const auto done = write_forwarding(ns, path, !on); !done)
      log::error("forwarding of the pod's namespace not put back", {{"error", done.error().message}});
  };
  if (changed.v4) undo(kForward4);
  if (changed.v6) undo(kForward6);
}

Status check_pod_forwarding(PodNamespace& ns, Families families) {
  const auto is = TRY(read_forwarding(ns.socket, families));
  if (families.v4 && !is.v4) return fail(cni::kInternal, "net.ipv4.ip_forward is 0 in the pod");
  if (families.v6 && !is.v6) return fail(cni::kInternal, "net.ipv6.conf.all.forwarding is 0 in the pod");
  return ok();
}

}  // namespace slash32::plugin
