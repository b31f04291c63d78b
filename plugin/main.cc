// slash32, the CNI plugin: wiring only. The dispatcher checks what the specification lets it check; the verbs follow.
#include <chrono>
#include <string>

#include "common/cni/skel.h"
#include "common/log.h"
#include "plugin/log_file.h"
#include "plugin/prefault.h"
#include "plugin/verbs.h"

namespace {

using slash32::Status;
using slash32::cni::Call;

// ADD may need kUndoTime on top of its budget to undo, DEL to finish: 30 s and 20 s in all.
constexpr slash32::cni::Budgets kBudgets{.add = std::chrono::seconds(25), .del = std::chrono::seconds(15)};

/// One line a verb: what was asked, how it ended and how long it took. Never the configuration itself: it may hold what
/// is not ours to show.
template <class Verb>
auto logged(const char* name, const slash32::cni::Env& env, Verb verb) {
  return [name, &env, verb](const Call& call) {
    const auto begin = std::chrono::steady_clock::now();
    slash32::plugin::log_to_file(slash32::config::read_log_conf(call.root(), env.getenv));
    auto done = verb(call, env.getenv);
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();
    const auto level = done ? slash32::log::Level::Info : slash32::log::Level::Error;
    slash32::log::write(
        level, name,
        {{"network", call.network},
         {"container", call.args.container_id},
         {"ifname", call.args.ifname},
         {"netns", call.args.netns},
         {"us", std::to_string(took)},
         {"result",
          done ? "ok" : done.error().message + (done.error().details.empty() ? "" : ": ") + done.error().details}});
    return done;
  };
}

}  // namespace

int main() {
  slash32::plugin::map_code();
  slash32::cni::install_stop_signals();
  const auto env = slash32::cni::real_env();
  const slash32::cni::Program program{.about = "slash32 " SLASH32_VERSION ": CNI plugin for routed pods",
                                      .known_cni_args = slash32::cni::usual_cni_args(),
                                      .budgets = kBudgets};
  const slash32::cni::Handlers handlers{.add = logged("ADD", env, slash32::plugin::cmd_add),
                                        .del = logged("DEL", env, slash32::plugin::cmd_del),
                                        .check = logged("CHECK", env, slash32::plugin::cmd_check),
                                        .status = logged("STATUS", env, slash32::plugin::cmd_status),
                                        .gc = logged("GC", env, slash32::plugin::cmd_gc)};
  return slash32::cni::run(program, env, handlers);
}
