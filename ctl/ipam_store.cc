#include "ctl/ipam_store.h"

#include <unistd.h>

#include <cerrno>

#include "ipam/kernel_view.h"

namespace slash32::ctl {
namespace {

config::IpamConf conf_of(const std::filesystem::path& directory) {
  config::IpamConf conf;
  conf.data_dir = directory;
  return conf;
}

}  // namespace

Result<bool> is_readable(const std::filesystem::path& directory) {
  if (::access(directory.c_str(), R_OK | X_OK) == 0) return true;
  if (errno == ENOENT) return false;
  Error error = sys_fail("read " + directory.string()).error();
  if (errno == EACCES) error.details = "run slash32ctl as root";
  return fail(std::move(error));
}

std::filesystem::path tidy(const std::filesystem::path& path) {
  auto out = path.lexically_normal();
  if (!out.has_filename() && out.has_relative_path()) out = out.parent_path();
  return out;
}

ipam::Ipam open_store(const std::filesystem::path& directory) {
  return {conf_of(directory), {}, ipam::boot_time, kPatience};
}

ipam::Ipam open_store(const std::filesystem::path& directory, netlink::Socket& host) {
  if (tidy(directory) == config::kDelegatedDataDir) return open_store(directory);
  return {conf_of(directory), ipam::kernel_view(host), ipam::boot_time, kPatience};
}

}  // namespace slash32::ctl
