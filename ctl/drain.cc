// `slash32ctl drain` and `undrain`: before a node is taken out of service. What it announces stays reachable and is
// used last (RFC 8326), so that others take over before anything is withdrawn.
#include <ostream>
#include <thread>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/http_client.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kBetweenLooks{1};

Result<nlohmann::json> look(const Options& options) {
  return parse_document(TRY(fetch(options, "/v1/status")), "/v1/status");
}

/// Until the node has no pod and everybody had time to choose other paths. A daemon that restarts meanwhile stays
/// drained and is asked again; `settle` then begins anew, since it tells everybody anew. Error: the time is over.
Status wait_until_empty(const Options& options, const DrainOrder& order, std::ostream& out) {
  const auto began = Clock::now();
  auto steady = began;  // since then every look was answered
  for (std::string told;; std::this_thread::sleep_for(kBetweenLooks)) {
    const auto status = look(options);
    const auto now = Clock::now();
    const auto waited = now - began;
    if (!status) {
      if (waited >= order.timeout) return fail(status.error());
      if (status.error().message != told && !options.json) print_line(out, "waiting: " + status.error().message);
      out.flush();
      told = status.error().message;
      steady = now;
      continue;
    }
    const std::string pods = field_text(*status, "pods");
    if (pods == "0" && now - steady >= order.settle) return ok();
    if (waited >= order.timeout)
      return fail(1, "still " + pods + " pods after " + std::to_string(order.timeout.count()) +
                         " s: it stays drained and does not leave");
    if (pods != told && !options.json) print_line(out, "waiting: " + pods + " pods");
    out.flush();
    told = pods;
  }
}

}  // namespace

Status run_drain(const Options& options, const DrainOrder& order, std::ostream& out) {
  const std::string answer = TRY(request(options.socket, "POST", order.on ? "/v1/drain" : "/v1/undrain"));
  print_line(out, options.json ? answer
                  : order.on   ? "draining: what this node announces and learns is used last"
                               : "no longer draining");
  if (!order.then_shutdown) return ok();
  TRY(wait_until_empty(options, order, out));
  return run_shutdown(options, out);
}

}  // namespace slash32::ctl
