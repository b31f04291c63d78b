// Every length read here bounds a sub-reader at once: an option cannot read past the parameters, nor a capability past
// its own length.
#include "bgpd/wire/open.h"

#include "bgpd/wire/capabilities.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

std::unexpected<Notification> open_fail(std::uint8_t subcode, std::vector<std::uint8_t> data = {}) {
  return std::unexpected{notification(ErrorCode::OpenMessage, subcode, std::move(data))};
}

std::vector<std::uint8_t> u16_data(std::uint16_t v) {
  return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)};
}

/// The parameters' reader, in whichever of the two forms they came.
struct Parameters {
  ByteReader in;
  bool extended = false;  // RFC 9072: lengths of two octets
};

Result<Parameters, Notification> open_parameters(ByteReader in) {
  const std::uint8_t size = in.u8();
  if (in.failed()) return open_fail(open_error::kUnspecific);
  // RFC 9072 section 2: type 255 in the first parameter's place means the extended form; the one-octet length is then
  // not looked at, except that 0 means there are no parameters.
  if (size != 0 && !in.empty() && in.peek()[0] == parameter::kExtendedLength) {
    in.u8();
    const std::uint16_t extended_size = in.u16();
    if (in.failed() || extended_size != in.size()) return open_fail(open_error::kUnspecific);
    return Parameters{in, true};
  }
  if (size != in.size()) return open_fail(open_error::kUnspecific);  // the lengths disagree
  return Parameters{in, false};
}

Result<Capabilities, Notification> decode_parameters(Parameters parameters) {
  Capabilities out;
  ByteReader& in = parameters.in;
  while (!in.empty()) {
    const std::uint8_t type = in.u8();
    const std::size_t size = parameters.extended ? in.u16() : in.u8();
    ByteReader value = in.sub(size);
    if (in.failed()) return open_fail(open_error::kUnspecific);
    if (type != parameter::kCapabilities) return open_fail(open_error::kUnsupportedOptionalParameter);
    TRY(decode_capabilities(value, out));
  }
  return out;
}

/// RFC 6793 section 4.1: the capability's AS is the real one. RFC 7607: 0 is nobody's; AS_TRANS is a stand-in.
Result<Asn, Notification> peer_as(std::uint16_t two_octet, const Capabilities& capabilities) {
  const Asn asn = capabilities.four_octet_as.value_or(Asn{two_octet});
  if (asn.value == 0 || asn.value == kAsTrans) return open_fail(open_error::kBadPeerAs, u16_data(two_octet));
  return asn;
}

}  // namespace

Result<Open, Notification> decode_open(std::span<const std::uint8_t> body) {
  ByteReader in{body};
  Open open;
  open.version = in.u8();
  // RFC 4271 section 6.2: the data is the highest version we speak, in two octets.
  if (open.version != kVersion) return open_fail(open_error::kUnsupportedVersion, u16_data(kVersion));
  const std::uint16_t two_octet_as = in.u16();
  open.hold_time = in.u16();
  open.id = RouterId{in.u32()};
  if (in.failed()) return open_fail(open_error::kUnspecific);
  if (open.hold_time == 1 || open.hold_time == 2)
    return open_fail(open_error::kUnacceptableHoldTime, u16_data(open.hold_time));
  if (open.id.value == 0) return open_fail(open_error::kBadBgpIdentifier, {0, 0, 0, 0});  // RFC 6286 section 2.2
  const Parameters parameters = TRY(open_parameters(in));
  open.capabilities = TRY(decode_parameters(parameters));
  open.asn = TRY(peer_as(two_octet_as, open.capabilities));
  return open;
}

std::vector<RawCapability> capabilities_in(std::span<const std::uint8_t> body) {
  constexpr std::size_t kBeforeParameters = 9;  // version, AS, hold time, identifier
  std::vector<RawCapability> out;
  ByteReader open{body};
  open.bytes(kBeforeParameters);
  auto parameters = open_parameters(open);
  if (!parameters) return out;
  ByteReader& in = parameters->in;
  while (!in.empty()) {
    const std::uint8_t type = in.u8();
    ByteReader value = in.sub(parameters->extended ? in.u16() : in.u8());
    if (in.failed()) return out;
    while (type == parameter::kCapabilities && !value.empty()) {
      const std::uint8_t code = value.u8();
      const auto octets = value.bytes(value.u8());
      if (value.failed()) return out;
      out.push_back({code, octets});
    }
  }
  return out;
}

std::vector<std::uint8_t> encode_open(const Open& open, bool with_capabilities) {
  ByteWriter capabilities;
  if (with_capabilities) encode_capabilities(open.capabilities, capabilities);
  ByteWriter out;
  begin_message(out, MessageType::Open);
  out.u8(open.version);
  out.u16(open.asn.value > 0xffff ? kAsTrans : static_cast<std::uint16_t>(open.asn.value));
  out.u16(open.hold_time);
  out.u32(open.id.value);
  if (capabilities.size() == 0) {
    out.u8(0);
  } else if (capabilities.size() + 2 <= 254) {  // RFC 9072 section 2: 255 is kept for the extended form
    out.u8(static_cast<std::uint8_t>(capabilities.size() + 2));
    out.u8(parameter::kCapabilities);
    out.u8(static_cast<std::uint8_t>(capabilities.size()));
    out.bytes(capabilities.data());
  } else {
    out.u8(255);
    out.u8(parameter::kExtendedLength);
    out.u16(static_cast<std::uint16_t>(capabilities.size() + 3));
    out.u8(parameter::kCapabilities);
    out.u16(static_cast<std::uint16_t>(capabilities.size()));
    out.bytes(capabilities.data());
  }
  end_message(out, 0);
  return out.take();
}

}  // namespace slash32::bgp
