// A node for the IPAM in a test: a directory of its own, a clock turned by hand, a kernel that says what it is told.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/ipam_conf.h"
#include "ipam/ipam.h"

namespace slash32::ipam {

inline IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }

class TempDirectory {
 public:
  TempDirectory() {
    // On tmpfs where there is one, as in life: a disk that discards blocks makes thousands of stores slow.
    const std::filesystem::path memory = "/dev/shm";
    const auto parent = ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "slash32-ipam-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Node {
  TempDirectory directory;
  std::chrono::nanoseconds now = std::chrono::hours{1};
  config::IpamConf conf;
  KernelView kernel;
  std::chrono::milliseconds wait = std::chrono::seconds{60};

  // What `kernel` says once watch() was called.
  std::set<Key> links;
  std::map<IpAddress, Key> aliases;

  explicit Node(const std::vector<const char*>& subnets = {"10.0.0.0/29"}) {
    for (const auto* subnet : subnets) conf.ranges.push_back(config::whole_range(*Prefix::parse(subnet)));
    conf.data_dir = directory.path() / "state" / "ipam";
  }
  void watch() {
    kernel.link_alive = [this](const Key& key) { return links.contains(key); };
    kernel.in_use = [this](const Key& key, const IpAddress& address) {
      const auto it = aliases.find(address);
      return it != aliases.end() && it->second != key;
    };
    kernel.held = [this]() -> Result<std::vector<Held>> {
      std::vector<Held> out;
      for (const auto& [address, key] : aliases) out.push_back({key, address});
      return out;
    };
  }
  Ipam ipam() {
    return Ipam(conf, kernel, [this] { return now; }, wait);
  }
  static Key key(const std::string& container, const std::string& network = "net") {
    return {network, container, "eth0"};
  }

  /// The addresses, or "error CODE: message".
  static std::string text(const Result<Lease>& lease) {
    if (!lease) return "error " + std::to_string(lease.error().code) + ": " + lease.error().message;
    std::string out;
    for (const auto& leased : lease->addresses) out += (out.empty() ? "" : " ") + leased.address.to_string();
    return out;
  }
  std::string acquire(const std::string& container, const std::string& network = "net") {
    return text(ipam().acquire(key(container, network), {}));
  }
  Status release(const std::string& container, const std::string& network = "net") {
    return ipam().release(key(container, network));
  }
  /// As the plugin does: the lease and then the link with its alias.
  std::string add(const std::string& container) {
    const auto lease = ipam().acquire(key(container), {});
    if (lease) {
      links.insert(key(container));
      for (const auto& leased : lease->addresses) aliases[leased.address] = key(container);
    }
    return text(lease);
  }
  void remove_link(const std::string& container) {
    links.erase(key(container));
    std::erase_if(aliases, [&](const auto& alias) { return alias.second == key(container); });
  }
  std::filesystem::path data_file() const { return conf.data_dir / "ipam.mdb"; }
};

}  // namespace slash32::ipam
