// Any bytes as the body of an OPEN, and what two OPENs agree on.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/open.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slash32;
  using namespace slash32::bgp;
  const auto open = decode_open({data, size});
  if (!open) {
    if (open.error().code != 2) std::abort();
    return 0;
  }
  PeerSettings settings;
  settings.local_as = Asn{65001};
  settings.local_id = RouterId{1};
  settings.external = true;
  settings.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  (void)negotiate(settings, make_open(settings, {}, true), *open);
  // What we can say ourselves comes back the same; two roles, and a list of families longer than a capability, cannot
  // be said.
  Open said = *open;
  said.capabilities.unknown_codes.clear();
  said.capabilities.roles_disagree = false;
  if (said.capabilities.families.empty()) said.capabilities.multiprotocol = false;
  if (said.capabilities.graceful_restart && said.capabilities.graceful_restart->families.size() > 63) return 0;
  if (said.asn.value > 0xffff && !said.capabilities.four_octet_as) std::abort();
  const auto bytes = encode_open(said);
  const auto again = decode_open(std::span{bytes}.subspan(kHeaderSize));
  if (!again || *again != said) std::abort();
  return 0;
}
