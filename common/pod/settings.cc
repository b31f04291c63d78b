#include "common/pod/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "common/cni/error.h"
#include "common/fd.h"

namespace slash32::pod {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

Result<std::string> read_setting(const std::filesystem::path& path) { return trimmed(TRY(read_file(path))); }

Status write_setting(const std::filesystem::path& path, const std::string& value) {
  const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  if (!fd) return sys_fail("open " + path.string());
  // Changing or not, a write to some of these (disable_ipv6) is tried again and again until nobody else holds the
  // kernel's networking lock: seconds, on a busy node.
  std::array<char, 32> now{};
  const ssize_t size = ::pread(fd.get(), now.data(), now.size(), 0);
  if (size >= 0 && trimmed(std::string(now.data(), static_cast<std::size_t>(size))) == value) return ok();
  if (auto put = write_all(fd.get(), value); !put) return fail(in(path.string(), std::move(put).error()));
  return ok();
}

std::filesystem::path ipv6_setting(const std::string& link, const char* setting) {
  return "/proc/sys/net/ipv6/conf/" + link + "/" + setting;
}

Status prepare_host_ipv6(const std::string& link, bool has_v6) {
  std::error_code ec;
  const bool there = std::filesystem::exists(ipv6_setting(link, "accept_ra"), ec);
  if (!there && !has_v6) return ok();  // no IPv6 in this kernel, and none needed
  if (!there)
    return fail(cni::kInternal, "IPv6 is off in this kernel (ipv6.disable=1?): there is no " +
                                    ipv6_setting(link, "disable_ipv6").string() + ", and the pod has an IPv6 address");
  // A pod must not be able to advertise itself as the node's router.
  TRY(write_setting(ipv6_setting(link, "accept_ra"), "0"));
  if (!has_v6) return ok();
  return write_setting(ipv6_setting(link, "disable_ipv6"), "0");  // net.ipv6.conf.default may have it on
}

}  // namespace slash32::pod
