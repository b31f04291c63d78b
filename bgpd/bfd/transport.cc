#include "bgpd/bfd/transport.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <unordered_map>
#include <utility>

#include "bgpd/bfd/udp.h"
#include "common/log.h"

namespace slash32::bfd {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kDatagramsATurn = 1024;      // of one socket: more than its buffer holds, but a flood ends
constexpr std::size_t kDatagramSize = 64;  // a control packet has 24 octets; authenticated ones are refused anyway

Instant clock_now() { return std::chrono::steady_clock::now(); }

std::string name_of(const SenderOptions& options) {
  return options.remote.to_string() + (options.interface.empty() ? "" : "%" + options.interface);
}

}  // namespace

struct Transport::Impl : std::enable_shared_from_this<Transport::Impl> {
  struct Receiver {
    asio::posix::stream_descriptor socket;
    bool multihop = false;
  };
  struct Sender {
    UniqueFd socket;
    SenderOptions options;
    IfIndex scope;
    bool failing = false;
  };

  Impl(asio::io_context& on, Random chance, Changed told)
      : context(&on), random(std::move(chance)), changed(std::move(told)), engine(random), timer(on) {}

  asio::io_context* context;
  Random random;
  Changed changed;
  Engine engine;
  asio::steady_timer timer;
  std::optional<Instant> armed;
  std::map<std::pair<AddressFamily, std::uint16_t>, Receiver> receivers;
  std::unordered_map<Discriminator, Sender> senders;
  bool settling = false;
  bool stopped = false;

  // ---------------------------------------------------------------- sockets

  /// Each port and family once it is needed, then for good.
  Status hear(AddressFamily family, std::uint16_t port) {
    if (receivers.contains({family, port})) return ok();
    UniqueFd fd = TRY(open_receiver(family, port));
    const auto made =
        receivers.emplace(std::pair{family, port},
                          Receiver{asio::posix::stream_descriptor(*context, fd.release()), port == kMultihopPort});
    wait(made.first->second);
    return ok();
  }

  void wait(Receiver& receiver) {  // a map's elements stay where they are
    receiver.socket.async_wait(asio::posix::stream_descriptor::wait_read,
                               [self = shared_from_this(), &receiver](error_code error) {
                                 if (error || self->stopped) return;
                                 self->settle();
                                 self->wait(receiver);
                               });
  }

  void drain(Receiver& receiver, Instant now) {
    std::array<std::uint8_t, kDatagramSize> buffer{};
    for (int i = 0; i < kDatagramsATurn; ++i) {
      const auto datagram = receive(receiver.socket.native_handle(), buffer);
      if (!datagram) log::warn("BFD socket", {{"error", datagram.error().message}});
      if (!datagram || !*datagram) return;
      take(**datagram, receiver.multihop, std::span{buffer}.first((*datagram)->size), now);
    }
  }

  void take(const Datagram& datagram, bool multihop, std::span<const std::uint8_t> payload, Instant now) {
    Result<void, Rejection> taken;
    if (!multihop && datagram.hop_limit != kHopLimit) {  // RFC 5881 section 5
      taken = engine.refuse({Reject::HopLimit, datagram.hop_limit});
    } else {
      taken = engine.receive({datagram.source, datagram.destination, datagram.interface, multihop}, payload, now);
    }
    if (!taken)
      log::debug("BFD packet discarded", {{"from", datagram.source.to_string()}, {"reason", to_string(taken.error())}});
  }

  void transmit(const Outgoing& packet) {
    const auto found = senders.find(packet.session);
    if (found == senders.end()) return;  // removed since
    Sender& sender = found->second;
    const auto sent = send(sender.socket.get(), sender.options, sender.scope, packet.bytes);
    if (!sent && !sender.failing)
      log::warn("cannot send BFD packets", {{"peer", name_of(sender.options)}, {"error", sent.error().message}});
    if (sent && sender.failing) log::info("BFD packets are sent again", {{"peer", name_of(sender.options)}});
    sender.failing = !sent;
  }

  // ---------------------------------------------------------------- turns

  /// What has come, then what is due, then what came of both. The clock is read first: whatever had arrived by then is
  /// read before anybody is called silent.
  void settle() {
    if (settling) return;  // called back: the outer turn goes on with what was added
    settling = true;
    const Instant now = clock_now();
    for (auto& [key, receiver] : receivers) drain(receiver, now);
    engine.advance(now);
    deliver();
    settling = false;
    arm();
  }

  void deliver() {
    std::size_t sent = 0, told = 0;
    while (sent < engine.packets().size() || told < engine.changes().size()) {
      while (sent < engine.packets().size()) transmit(engine.packets()[sent++]);
      if (told == engine.changes().size()) continue;
      const Change one = engine.changes()[told++];
      if (engine.find(one.session) != nullptr) changed(one.session, one.change);
    }
    for (const auto session : engine.gone()) senders.erase(session);
    engine.clear();
  }

  void arm() {
    const auto deadline = engine.deadline();
    if (!deadline || (armed && *armed <= *deadline)) return;  // an earlier wake-up looks again
    armed = deadline;
    timer.expires_at(*deadline);
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error || self->stopped) return;
      self->armed.reset();
      self->settle();
    });
  }
};

Transport::Transport(asio::io_context& context, Random random, Changed changed)
    : impl_(std::make_shared<Impl>(context, std::move(random), std::move(changed))) {}

Transport::~Transport() {
  impl_->stopped = true;
  impl_->timer.cancel();
  for (auto& [key, receiver] : impl_->receivers) {
    error_code ignored;  // closed either way
    (void)receiver.socket.close(ignored);
  }
}

Result<Discriminator> Transport::add(const Target& target, const Settings& settings) {
  const SenderOptions options{.remote = target.remote,
                              .local = target.local,
                              .interface = target.interface,
                              .port = target.multihop ? kMultihopPort : kSingleHopPort};
  const IfIndex interface = target.interface.empty() ? IfIndex{} : TRY(interface_index(target.interface));
  if (target.local && target.local->family() != target.remote.family())
    return fail(7, target.remote.to_string() + " and " + target.local->to_string() + " are of two address families");
  TRY(impl_->hear(target.remote.family(), options.port));
  UniqueFd socket = TRY(open_sender(options, impl_->random));
  const Path path{target.remote, target.local.value_or(IpAddress{}), interface, target.multihop};
  const auto session = TRY(impl_->engine.add(path, settings, clock_now()));
  impl_->senders.insert_or_assign(session, Impl::Sender{std::move(socket), options, interface});
  impl_->settle();
  return session;
}

Status Transport::configure(Discriminator session, const Settings& settings) {
  TRY(impl_->engine.configure(session, settings, clock_now()));
  impl_->settle();
  return ok();
}

void Transport::retire(Discriminator session) {
  impl_->engine.retire(session, clock_now());
  impl_->settle();
}

void Transport::remove(Discriminator session) {
  impl_->engine.remove(session);
  impl_->senders.erase(session);
}

const Engine& Transport::engine() const { return impl_->engine; }

}  // namespace slash32::bfd
