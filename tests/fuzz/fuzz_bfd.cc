// Any bytes as BFD control packets to an engine with a session of each kind, with time passing between them. Each chunk
// is one octet of pause and where it comes from, one of length, and the payload.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgpd/bfd/engine.h"
#include "common/bytes.h"

namespace {

using namespace slash32;
using namespace slash32::bfd;

void require(bool holds) {
  if (!holds) std::abort();
}

void round_trip(std::span<const std::uint8_t> payload) {
  const auto packet = decode(payload);
  if (!packet) {
    require(!to_string(packet.error()).empty());
    return;
  }
  require(decode(encode(*packet)) == *packet);
}

/// What must hold of every packet that we send.
void check_outgoing(const Engine& engine) {
  for (const auto& out : engine.packets()) {
    const auto packet = decode(out.bytes);
    require(packet.has_value());
    require(!(packet->poll && packet->final) && !packet->demand && !packet->control_plane_independent);
    require(packet->my_discriminator == out.session.value);
    require(packet->state == State::Up || packet->desired_min_tx >= kSlowInterval);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Instant now{};
  std::uint32_t next = 0;
  Engine engine([&next] { return ++next; });
  const Path paths[] = {{IpAddress::v4(1), {}, IfIndex{}, false},
                        {IpAddress::v6({0xfe, 0x80}), {}, IfIndex{2}, false},
                        {IpAddress::v4(3), IpAddress::v4(4), IfIndex{}, true}};
  const Settings settings{.desired_min_tx = kMinInterval, .required_min_rx = kMinInterval};
  for (const Path& path : paths) require(engine.add(path, settings, now).has_value());
  ByteReader in({data, size});
  while (!in.empty()) {
    const auto head = in.u8();
    auto chunk = in.sub(in.u8());
    const auto payload = chunk.rest();
    round_trip(payload);
    now += std::chrono::milliseconds{(head >> 2) * 8};
    (void)engine.receive(paths[head % 3], payload, now);
    if ((head & 3) == 3) (void)engine.configure(Discriminator{1}, {.enabled = (head & 4) != 0}, now);
    engine.advance(now);
    check_outgoing(engine);
    require(!engine.deadline() || *engine.deadline() > now);
    engine.clear();
  }
  return 0;
}
