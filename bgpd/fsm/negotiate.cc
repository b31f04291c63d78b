// One question of RFC 4271 section 6.2 after the other; the first that fails is the answer.
#include "bgpd/fsm/negotiate.h"

#include <algorithm>

#include "bgpd/wire/capabilities.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "common/bytes.h"

namespace slash32::bgp {
namespace {

std::unexpected<Notification> refuse(std::uint8_t subcode, std::vector<std::uint8_t> data) {
  return std::unexpected{notification(ErrorCode::OpenMessage, subcode, std::move(data))};
}

bool has(const std::vector<AddressFamily>& families, AddressFamily family) {
  return std::ranges::find(families, family) != families.end();
}

/// RFC 4760 section 8: without the capability a speaker has IPv4 unicast only.
std::vector<AddressFamily> offered(const Capabilities& capabilities) {
  if (!capabilities.multiprotocol) return {AddressFamily::IPv4};
  return capabilities.families;
}

/// The families of `wanted` that `offer` has as well, in the order wanted.
std::vector<AddressFamily> common_families(const std::vector<AddressFamily>& wanted,
                                           const std::vector<AddressFamily>& offer) {
  std::vector<AddressFamily> out;
  std::ranges::copy_if(wanted, std::back_inserter(out), [&](AddressFamily f) { return has(offer, f); });
  return out;
}

bool acceptable_as(const PeerSettings& settings, Asn asn) {
  if (settings.remote_as) return asn == *settings.remote_as;
  return settings.external == (asn != settings.local_as);
}

/// The My Autonomous System field as it came, which the error carries back.
std::vector<std::uint8_t> as_field(Asn asn) {
  const auto field = asn.value > 0xffff ? kAsTrans : static_cast<std::uint16_t>(asn.value);
  return {static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field)};
}

std::vector<std::uint8_t> id_field(RouterId id) {
  ByteWriter out;
  out.u32(id.value);
  return out.take();
}

/// RFC 5492 section 5: the data names the capabilities that were missed.
std::vector<std::uint8_t> missed_families(const PeerSettings& settings) {
  Capabilities missed;
  missed.families = settings.families;
  ByteWriter out;
  encode_capabilities(missed, out);
  return out.take();
}

/// RFC 4271 section 4.4: about a third of the hold time. A configured interval shrinks with the hold time, since it was
/// chosen for the configured one.
Seconds keepalive_of(const PeerSettings& settings, Seconds hold) {
  if (hold == Seconds{0}) return Seconds{0};
  Seconds keepalive = hold / 3;
  if (settings.keepalive_time && settings.keepalive_time->count() > 0) {
    const Seconds scaled = settings.hold_time > hold
                               ? *settings.keepalive_time * hold.count() / settings.hold_time.count()
                               : *settings.keepalive_time;
    keepalive = std::min(keepalive, scaled);
  }
  return std::max(keepalive, Seconds{1});  // section 4.4: not more than one a second
}

/// RFC 9234 section 4.2. Who has no role configured does not look at the peer's.
bool roles_fit(const PeerSettings& settings, const Capabilities& theirs) {
  if (!settings.role) return true;
  if (!theirs.role) return !settings.role_strict;
  return !theirs.roles_disagree && *theirs.role == static_cast<std::uint8_t>(counterpart(*settings.role));
}

/// RFC 7911 section 4: one side says it sends and the other that it receives, family by family.
void negotiate_add_path(const Open& sent, const Open& received, Session& session) {
  for (const AddPathFamily& ours : sent.capabilities.add_path)
    for (const AddPathFamily& theirs : received.capabilities.add_path) {
      if (ours.family != theirs.family || !has(session.families, ours.family)) continue;
      if (ours.receive && theirs.send) session.add_path_in.push_back(ours.family);
      if (ours.send && theirs.receive) session.add_path_out.push_back(ours.family);
    }
}

void negotiate_restart(const Open& sent, const Open& received, Session& session) {
  const auto& theirs = received.capabilities.graceful_restart;
  session.graceful_restart = sent.capabilities.graceful_restart.has_value() && theirs.has_value();
  if (!session.graceful_restart) return;
  session.graceful_notification = sent.capabilities.graceful_restart->notification && theirs->notification;
  for (const GracefulRestartFamily& f : theirs->families) {
    if (!has(session.families, f.family) || has(session.restartable, f.family)) continue;
    session.restartable.push_back(f.family);
    if (f.forwarding_preserved) session.preserved.push_back(f.family);
  }
}

/// RFC 9494 section 4.1: without graceful restart's capability beside it, that one does not count. Section 5: a family
/// is enabled by itself, thus only where both sides have a time for it.
void negotiate_long_lived(const PeerSettings& settings, const Open& sent, const Open& received, Session& session) {
  session.long_lived_offered = sent.capabilities.long_lived.has_value();
  const auto& theirs = received.capabilities.long_lived;
  if (!theirs || !received.capabilities.graceful_restart) return;
  session.long_lived_understood = true;
  if (!session.long_lived_offered || !session.graceful_restart) return;
  const auto& ours = *sent.capabilities.long_lived;
  for (const LongLivedFamily& f : *theirs) {
    const auto mine = std::ranges::find(ours, f.family, &LongLivedFamily::family);
    if (mine == ours.end() || mine->stale_time == 0 || !has(session.families, f.family)) continue;
    session.long_lived.at(f.family == AddressFamily::IPv4 ? 0 : 1) =
        std::min(Seconds{f.stale_time}, settings.long_lived_most);
    if (f.forwarding_preserved) session.long_lived_preserved.push_back(f.family);
  }
}

}  // namespace

Open make_open(const PeerSettings& settings, const RestartState& restart, bool with_capabilities) {
  Open open{.version = kVersion,
            .asn = settings.local_as,
            .hold_time = static_cast<std::uint16_t>(settings.hold_time.count()),
            .id = settings.local_id,
            .capabilities = {}};
  if (!with_capabilities) return open;
  Capabilities& c = open.capabilities;
  c.families = settings.families;
  c.multiprotocol = true;
  c.route_refresh = true;
  c.enhanced_refresh = settings.enhanced_refresh;
  c.extended_messages = settings.extended_messages;
  c.ipv4_over_ipv6 = settings.extended_next_hop && has(settings.families, AddressFamily::IPv4);
  c.four_octet_as = settings.local_as;
  if (settings.role) c.role = static_cast<std::uint8_t>(*settings.role);
  if (settings.add_path_receive || settings.add_path_send)
    for (const AddressFamily f : settings.families)
      c.add_path.push_back({f, settings.add_path_receive, settings.add_path_send});
  if (!settings.graceful_restart) return open;
  GracefulRestartCapability gr;
  gr.restarting = restart.restarting;
  gr.notification = settings.graceful_notification;
  gr.restart_time = static_cast<std::uint16_t>(std::min<Seconds::rep>(settings.restart_time.count(), 4095));
  for (const AddressFamily f : settings.families) gr.families.push_back({f, has(restart.preserved, f)});
  c.graceful_restart = gr;
  if (!settings.long_lived) return open;
  c.long_lived.emplace();
  for (const AddressFamily f : settings.families) {
    const Seconds time = settings.long_lived->at(f == AddressFamily::IPv4 ? 0 : 1);
    c.long_lived->push_back({f, has(restart.preserved, f), static_cast<std::uint32_t>(time.count())});
  }
  return open;
}

Result<Session, Notification> negotiate(const PeerSettings& settings, const Open& sent, const Open& received) {
  if (!acceptable_as(settings, received.asn)) return refuse(open_error::kBadPeerAs, as_field(received.asn));
  Session session;
  session.remote = received;
  session.external = received.asn != settings.local_as;
  // RFC 6286 section 2.2: within an AS the identifiers must differ.
  if (!session.external && received.id == settings.local_id)
    return refuse(open_error::kBadBgpIdentifier, id_field(received.id));
  if (!roles_fit(settings, received.capabilities)) return refuse(open_error::kRoleMismatch, {});
  session.families =
      common_families(common_families(settings.families, offered(sent.capabilities)), offered(received.capabilities));
  if (session.families.empty()) return refuse(open_error::kUnsupportedCapability, missed_families(settings));
  // RFC 4271 section 4.2: the smaller of the two; 0 means no keepalives at all.
  session.hold_time = std::min(Seconds{sent.hold_time}, Seconds{received.hold_time});
  session.keepalive_time = keepalive_of(settings, session.hold_time);
  session.four_octet_as = sent.capabilities.four_octet_as && received.capabilities.four_octet_as;
  session.route_refresh = sent.capabilities.route_refresh && received.capabilities.route_refresh;
  session.enhanced_refresh = sent.capabilities.enhanced_refresh && received.capabilities.enhanced_refresh;
  session.extended_messages = sent.capabilities.extended_messages && received.capabilities.extended_messages;
  session.takes_extended_messages = sent.capabilities.extended_messages;
  session.extended_next_hop = sent.capabilities.ipv4_over_ipv6 && received.capabilities.ipv4_over_ipv6 &&
                              has(session.families, AddressFamily::IPv4);
  negotiate_add_path(sent, received, session);
  negotiate_restart(sent, received, session);
  negotiate_long_lived(settings, sent, received, session);
  return session;
}

}  // namespace slash32::bgp
