#include "agent/kube/watcher.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "agent/kube/connection.h"
#include "common/log.h"

namespace slash32::agent::kube {

namespace asio = boost::asio;

class Watcher::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const Access& access, ReflectorSettings settings, WatchHandler handler)
      : what_(name_of(settings.resource)),
        reflector_(std::move(settings)),
        connection_(context, access),
        timer_(context),
        handler_(std::move(handler)) {}

  void start() {
    asio::post(timer_.get_executor(), [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && !self->stopped_) self->run(self->reflector_.start(now()));
    });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
    connection_.cut();
    handler_ = {};
  }
  ReflectorView view() const { return reflector_.view(); }

 private:
  static Instant now() { return std::chrono::steady_clock::now(); }

  /// One order after the other; whoever is told something may end us.
  void run(const Actions& actions) {
    const auto self = shared_from_this();
    for (const auto& action : actions) {
      if (stopped_) return;
      if (const auto* fetch = std::get_if<act::Fetch>(&action)) {
        connection_.send({.method = "GET", .target = fetch->target, .body = {}, .content_type = {}}, answers());
      } else if (std::holds_alternative<act::Cut>(action)) {
        connection_.cut();
      } else if (const auto* put = std::get_if<act::Put>(&action)) {
        handler_.put(put->key, put->object);
      } else if (const auto* remove = std::get_if<act::Remove>(&action)) {
        handler_.remove(remove->key);
      } else if (std::holds_alternative<act::Synced>(action)) {
        handler_.synced();
      } else if (const auto* trouble = std::get_if<act::Trouble>(&action)) {
        tell(trouble->what);
      }
    }
    if (!stopped_) look_later();
  }

  void tell(const std::string& trouble) const {
    if (trouble.empty())
      log::info("watching again", {{"kind", what_}});
    else
      log::warn("not watching", {{"kind", what_}, {"why", trouble}});
  }

  ResponseHandler answers() {
    return {.head = [this](const ResponseHead& head) { run(reflector_.on_head(head, now())); },
            .body = [this](std::string_view bytes) { run(reflector_.on_body(bytes, now())); },
            .end = [this] { run(reflector_.on_end(now())); },
            .failed = [this](const std::string& why) { run(reflector_.on_failed(why, now())); }};
  }

  /// The deadline moves with every answer; the timer does not: when it is early it looks again.
  void look_later() {
    const auto deadline = reflector_.deadline();
    if (!deadline || (timer_set_ && timer_.expiry() <= *deadline)) return;
    timer_set_ = true;
    timer_.expires_at(*deadline);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->stopped_) return;
      self->timer_set_ = false;
      self->run(self->reflector_.on_timer(now()));
    });
  }

  std::string what_;
  Reflector reflector_;
  Connection connection_;
  asio::steady_timer timer_;
  bool timer_set_ = false;
  bool stopped_ = false;
  WatchHandler handler_;
};

Watcher::Watcher(asio::io_context& context, const Access& access, ReflectorSettings settings, WatchHandler handler)
    : impl_(std::make_shared<Impl>(context, access, std::move(settings), std::move(handler))) {
  impl_->start();
}
Watcher::~Watcher() {
  if (impl_) impl_->stop();
}
Watcher::Watcher(Watcher&&) noexcept = default;

ReflectorView Watcher::view() const { return impl_->view(); }

}  // namespace slash32::agent::kube
