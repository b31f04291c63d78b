// `slash32ctl shutdown`: leave for good. Neighbours get their withdrawals and a Cease, learned routes go from the
// kernel. A restart is another thing: that is SIGTERM, and keeps the routes.
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/http_client.h"

namespace slash32::ctl {

Status run_shutdown(const Options& options, std::ostream& out) {
  const std::string answer = TRY(request(options.socket, "POST", "/v1/shutdown"));
  if (options.json && !answer.empty()) {
    print_line(out, answer);
  } else if (!options.json) {
    print_line(out, "slash32-bgpd is leaving: it withdraws its routes, closes its sessions and ends");
  }
  return ok();
}

}  // namespace slash32::ctl
