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
  LoopTimer pause;
  std::optional<FdWatch> watch;
  bool closed = false;  // by `accepted`, perhaps

  void listen() {
    watch.emplace(*loop, fd.get(), [this] { accept_some(); });
  }

  void accept_some() {
    const auto self = shared_from_this();
    for (int i = 0; i < kAcceptsATurn && !closed; ++i) {
      UniqueFd one{::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (!one && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) return take_breath();
      if (!one) return;  // nothing more, or a connection that is gone already
      const auto from = remote_endpoint(one.get());
      const auto to = local_endpoint(one.get());
      if (from && to) accepted(std::move(one), *from, *to);
    }
  }

  /// The socket stays readable while nothing can be accepted: look again later instead of spinning.
  void take_breath() {
    log::warn("cannot accept connections: out of descriptors or memory", {{"listen", to_string(local)}});
    watch.reset();
    pause.after(kBreath, [this] { listen(); });
  }
};

Result<Listener> Listener::open(Loop& loop, const Endpoint& local, Accepted accepted) {
  auto impl = std::make_shared<Impl>(loop, TRY(open_listener(local)), local);
  impl->accepted = std::move(accepted);
  impl->listen();
  return Listener(std::move(impl));
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

Status Listener::set_md5_key(const Prefix& peer, const std::string& key) {
  if (peer.family() != impl_->local.address.family()) return ok();
  return bgp::set_md5_key(impl_->fd.get(), peer, key);
}

}  // namespace slash32::bgp
