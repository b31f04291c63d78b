// The verbs of the slash32 CNI plugin, one file each: add.cc, del.cc, check.cc, status_gc.cc. Each reads from top to
// bottom as the design's "One ADD, top to bottom".
#pragma once

#include <chrono>

#include "common/cni/result.h"
#include "common/cni/skel.h"
#include "config/net_conf.h"
#include "ipam/ipam.h"

namespace slash32::plugin {

/// What is left to undo with, and to DEL with, when the deadline is over or SIGTERM came.
inline constexpr std::chrono::milliseconds kUndoTime{5'000};

inline ipam::Key key_of(const cni::Call& call) {
  return {.network = call.network, .container_id = call.args.container_id, .ifname = call.args.ifname};
}

Result<cni::AddResult> cmd_add(const cni::Call& call, const config::GetEnv& getenv);
Status cmd_del(const cni::Call& call, const config::GetEnv& getenv);
Status cmd_check(const cni::Call& call, const config::GetEnv& getenv);
Status cmd_status(const cni::Call& call, const config::GetEnv& getenv);
Status cmd_gc(const cni::Call& call, const config::GetEnv& getenv);

}  // namespace slash32::plugin
