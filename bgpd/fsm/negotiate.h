// Two OPENs in, a session or the NOTIFICATION that refuses it out (RFC 4271 section 6.2; RFC 5492; RFC 4724; RFC 6286;
// RFC 9234; RFC 9494).
#pragma once

#include <vector>

#include "bgpd/fsm/session.h"
#include "bgpd/wire/message.h"
#include "common/result.h"

namespace slash32::bgp {

/// How far we are with a restart of our own (RFC 4724 section 3).
struct RestartState {
  bool restarting = false;               // R
  std::vector<AddressFamily> preserved;  // F
};

/// The OPEN we send. Without capabilities it offers IPv4 unicast and a two-octet AS number only.
Open make_open(const PeerSettings& settings, const RestartState& restart, bool with_capabilities);

/// `sent` is our own OPEN on the same connection: what it left out is not negotiated.
Result<Session, Notification> negotiate(const PeerSettings& settings, const Open& sent, const Open& received);

}  // namespace slash32::bgp
