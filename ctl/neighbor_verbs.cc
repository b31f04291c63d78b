// `slash32ctl neighbor reset|refresh|disable|enable|drain|undrain`: an operator's orders to one neighbour, which the
// daemon carries out.
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/http_client.h"
#include "ctl/text.h"

namespace slash32::ctl {

std::string neighbor_order_target(const NeighborOrder& order) {
  auto target = "/v1/neighbors/" + percent_encoded(order.name) + "/" + order.verb;
  if (!order.reason.empty()) target += "?reason=" + percent_encoded(order.reason);
  return target;
}

Status run_neighbor_order(const Options& options, const NeighborOrder& order, std::ostream& out) {
  const std::string answer = TRY(request(options.socket, "POST", neighbor_order_target(order)));
  print_line(out, options.json ? answer : printable(order.name) + ": " + order.verb + " done");
  return ok();
}

}  // namespace slash32::ctl
