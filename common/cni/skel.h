// The dispatcher of a CNI plugin: reads environment and stdin, checks both and reports everything that is wrong at
// once, runs the verb's handler, prints exactly one JSON document to stdout. CNI spec 1.1.0 sections 2 to 5.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/cni/args.h"
#include "common/cni/deadline.h"
#include "common/cni/env.h"
#include "common/cni/result.h"
#include "common/cni/runtime_config.h"
#include "common/cni/versions.h"
#include "common/result.h"

namespace slash32::cni {

/// One invocation, checked as far as the specification goes.
struct Call {
  Args args;
  Version version = kNewestVersion;  // the configuration's
  std::string network;               // the configuration's `name`
  nlohmann::json config;             // the whole document, an object; its root's pointer is ""
  std::string config_text;           // as it came in on stdin, byte for byte, for delegation
  std::vector<std::string> ignored;  // DEL and GC only: mistakes that did not hold them up, to be logged
  std::vector<Attachment> valid;     // GC only: what must be kept
  bool valid_is_given = true;  // GC without such a list: the handler is not called, as it would release everything
  Deadline deadline;           // everything that waits asks this

  JsonField root() const { return JsonField{config}; }
};

/// What the plugin does. A verb without a handler is code 4. Errors become JSON on stdout and exit status 1.
struct Handlers {
  std::function<Result<AddResult>(const Call&)> add;
  std::function<Status(const Call&)> del;
  std::function<Status(const Call&)> check;
  std::function<Status(const Call&)> status;
  std::function<Status(const Call&)> gc;
};

/// Time a verb may take, stdin included.
struct Budgets {
  std::chrono::milliseconds add{30'000};
  std::chrono::milliseconds del{20'000};
  std::chrono::milliseconds check{20'000};
  std::chrono::milliseconds gc{20'000};
  std::chrono::milliseconds status{1'000};
};

struct Program {
  std::string about;                             // "slash32 0.1.0: CNI plugin …", one line
  std::vector<std::string_view> known_cni_args;  // beside IgnoreUnknown
  Budgets budgets;
};

/// CNI_ARGS keys that containerd, CRI-O and podman send, and those we obey (IP, MAC).
std::vector<std::string_view> usual_cni_args();

/// Runs one invocation and returns the exit status: 0 or 1. CNI_COMMAND not set: an about line on stderr, 0. An ADD
/// whose result cannot be written (the runtime went away) is undone by the DEL handler. DEL and GC must not be held up:
/// of repeated keys the last one counts (but GC's list of what is in use stands once), a missing cniVersion is ours. A
/// configuration that is not right is code 50 for STATUS (CNI section 2 "STATUS": cannot service ADD). Exceptions of
/// libraries become code 999.
int run(const Program& program, const Env& env, const Handlers& handlers);

}  // namespace slash32::cni
