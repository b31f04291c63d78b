// What a new configuration changes, in words, for whoever asked for it. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/strong.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// One line a change, empty when there is none: "/policies changed", "neighbor tor1 (10.0.1.254) added", "neighbor tor1
/// (10.0.1.254) changed; its session is reset". `old_id`, `new_id`: the router IDs in use.
std::vector<std::string> conf_changes(const config::BgpdConf& old_conf, RouterId old_id,
                                      const config::BgpdConf& new_conf, RouterId new_id);

}  // namespace slash32::bgp
