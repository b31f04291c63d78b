// A whole Peer under a script of events, times and bytes. Each step is an opcode and what it needs.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <vector>

#include "bgpd/fsm/negotiate.h"
#include "bgpd/peer/peer.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "common/bytes.h"

namespace {

using namespace slash32;
using namespace slash32::bgp;

PeerSettings settings(std::uint32_t as, std::uint32_t id) {
  PeerSettings s;
  s.local_as = Asn{as};
  s.local_id = RouterId{id};
  s.external = true;
  s.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  return s;
}

/// The shell: knows which connections are there, and checks that the Peer does too.
class Shell {
 public:
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* a = std::get_if<act::Connect>(&action)) live_.insert(a->id);
      if (const auto* a = std::get_if<act::Send>(&action)) check(live_.contains(a->id));
      if (const auto* a = std::get_if<act::Close>(&action)) check(live_.erase(a->id) == 1);
      if (std::holds_alternative<act::SessionUp>(action)) check(!std::exchange(up_, true));
      if (std::holds_alternative<act::SessionDown>(action)) check(std::exchange(up_, false));
      if (std::holds_alternative<act::UpdateReceived>(action)) check(up_);
    }
    check(live_.size() <= 3);
    check(up_ == (peer.status().state == PeerState::Established));
  }
  ConnectionId pick(std::uint8_t n) const {
    if (live_.empty()) return n;
    auto at = live_.begin();
    std::advance(at, n % live_.size());
    return *at;
  }
  void accept() {
    auto [id, actions] = peer.on_accepted(now);
    live_.insert(id);
    take(actions);
  }
  void lose(ConnectionId id) {
    live_.erase(id);
    take(peer.on_closed(id, "lost", now));
  }
  static void check(bool fact) {
    if (!fact) std::abort();
  }

  Peer peer{settings(65001, 2), [](void*) { return 0.5; }, nullptr};
  Instant now{Seconds{1000}};

 private:
  std::set<ConnectionId> live_;
  bool up_ = false;
};

std::vector<std::uint8_t> framed(MessageType type, std::span<const std::uint8_t> body) {
  ByteWriter out;
  begin_message(out, type);
  out.bytes(body);
  end_message(out, 0);
  return out.take();
}

void step(Shell& s, ByteReader& in) {
  const std::uint8_t op = in.u8();
  const std::uint8_t n = in.u8();
  switch (op % 14) {
    case 0:
      return s.take(s.peer.start(s.now));
    case 1:
      return s.take(s.peer.stop(s.now, notification(ErrorCode::Cease, n)));
    case 2:
      return s.accept();
    case 3:
      return s.take(s.peer.on_connected(s.pick(n), s.now));
    case 4:
      return s.lose(s.pick(n));
    case 5:
      s.now += Milliseconds{250 * n};
      return s.take(s.peer.on_time(s.now));
    case 6:
      return s.take(s.peer.on_bytes(
          s.pick(n), encode_open(make_open(settings(65002, 1 + op % 3), {n % 2 == 0, {}}, true)), s.now));
    case 7:
      return s.take(s.peer.on_bytes(s.pick(n), encode_keepalive(), s.now));
    case 8:
      return s.take(s.peer.on_bytes(
          s.pick(n), framed(MessageType::Update, in.bytes(std::min<std::size_t>(in.u8(), in.size()))), s.now));
    case 9:
      return s.take(s.peer.on_bytes(
          s.pick(n), framed(static_cast<MessageType>(n), in.bytes(std::min<std::size_t>(in.u8(), in.size()))), s.now));
    case 10:
      return s.take(s.peer.on_bytes(s.pick(n), in.bytes(std::min<std::size_t>(in.u8(), in.size())), s.now));
    case 11:
      return s.take(s.peer.close_for_restart(s.now));
    case 12:
      return s.take(s.peer.request_refresh(AddressFamily::IPv4, s.now));
    default:
      return s.peer.note_update_sent(s.now, n);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Shell shell;
  ByteReader in{{data, size}};
  shell.take(shell.peer.start(shell.now));
  while (!in.empty()) step(shell, in);
  return 0;
}
