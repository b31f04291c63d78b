#include "bgpd/transport/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "common/log.h"

namespace slash32::bgp {
namespace {
constexpr int kAcceptsATurn = 16;                  // a flood of connections must not starve the sessions
constexpr std::chrono::milliseconds kBreath{100};  // when descriptors or memory are short
}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& on, UniqueFd socket, Endpoint at) : loop(&on), fd(std::move(socket)), local(at), pause(on) {}

  Loop* loop;
  UniqueFd fd;
  Endpoint local;
  Accepted accepted;
  ListenKeys keys;  // those it has
  LoopTimer pause;
  std::optional<FdWatch> watch;
  bool closed = false;    // by `accepted`, perhaps
  bool is_short = false;  // of descriptors or memory; told once, not ten times a second

  void listen() {
    watch.emplace(*loop, fd.get(), [this] { accept_some(); });
  }

  void accept_some() {
    const auto self = shared_from_this();
    for (int i = 0; i < kAcceptsATurn && !closed; ++i) {
      UniqueFd one{::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (!one && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) return take_breath();
      if (one && std::exchange(is_short, false))
        log::info("accepting connections again", {{"listen", to_string(local)}});
      if (!one) return;  // nothing more, or a connection that is gone already
      const auto from = remote_endpoint(one.get());
      const auto to = local_endpoint(one.get());
      if (from && to) accepted(std::move(one), *from, *to);
    }
  }

  /// The socket stays readable while nothing can be accepted: look again later instead of spinning.
  void take_breath() {
    if (!std::exchange(is_short, true))
      log::warn("cannot accept connections: out of descriptors or memory", {{"listen", to_string(local)}});
    watch.reset();
    pause.after(kBreath, [this] { listen(); });
  }
};

Result<Listener> Listener::open(Loop& loop, const Endpoint& local, Accepted accepted, const Options& options) {
  auto impl = std::make_shared<Impl>(loop, TRY(bind_listener(local, options.beside_own)), local);
  impl->accepted = std::move(accepted);
  Listener out(impl);
  for (const auto& [peer, key] : options.keys)
    if (auto good = out.set_keys(peer, key); !good && options.needs_every_key)
      return fail(in("listen on " + to_string(local), std::move(good).error()));
  TRY(start_listening(impl->fd.get(), local));
  impl->listen();
  return out;
}

Result<Listener> Listener::open(Loop& loop, const Endpoint& local, Accepted accepted) {
  return open(loop, local, std::move(accepted), Options{});
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  if (impl_) impl_->closed = true;
}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

const Endpoint& Listener::local() const { return impl_->local; }
Result<Endpoint> Listener::bound() const { return local_endpoint(impl_->fd.get()); }

Status Listener::set_keys(const Prefix& peer, const TcpKeys& keys) {
  if (peer.family() != impl_->local.address.family()) return ok();
  TRY(change_tcp_keys(impl_->fd.get(), peer, impl_->keys[peer], keys));
  if (keys.empty()) impl_->keys.erase(peer);
  return ok();
}

Status Listener::share_port(bool on) { return bgp::share_port(impl_->fd.get(), on); }

}  // namespace slash32::bgp
