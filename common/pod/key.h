// Who a pod's link and addresses belong to.
#pragma once

#include <compare>
#include <string>

namespace slash32::pod {

/// CNI: network name, CNI_CONTAINERID, CNI_IFNAME; never a pod's name.
struct Key {
  std::string network;
  std::string container_id;
  std::string ifname;
  auto operator<=>(const Key&) const = default;
};

}  // namespace slash32::pod
