// Finds the routers at the other end of unnumbered neighbours' links, and lets them find us: router advertisements
// heard and sent (RFC 4861), on those links alone. What becomes of who was heard is neighbors.h's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bgpd/transport/loop.h"
#include "common/ip.h"
#include "common/strong.h"

namespace slash32::bgp {

class Discovery {
 public:
  struct Events {
    /// A router advertised itself.
    std::function<void(const std::string& interface, const IpAddress& router)> heard;
    /// Why nobody can be heard there; empty: that is over. Told when it changes.
    std::function<void(const std::string& interface, const std::string& why)> trouble;
  };
  Discovery(Loop& loop, Events events);
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  /// From now on these interfaces, whether they are there or not. One that cannot be heard is tried again every second,
  /// and as soon as something of it changes.
  void watch(const std::set<std::string>& interfaces);
  /// These changed: a link that is back is asked again who is there.
  void links_changed(const std::vector<IfIndex>& links);

 private:
  struct Link;
  void open(Link& link);
  void advertise(Link& link);
  void read(Link& link);
  void tell(Link& link, const std::string& why);
  void plan(Link& link);

  Loop& loop_;
  Events events_;
  std::map<std::string, std::unique_ptr<Link>> links_;
};

}  // namespace slash32::bgp
