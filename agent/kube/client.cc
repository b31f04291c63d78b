#include "agent/kube/client.h"

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "agent/kube/connection.h"

namespace slash32::agent::kube {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxWaiting = 256;
constexpr std::size_t kMaxAnswer = std::size_t{4} << 20;

}  // namespace

class Client::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const Access& access, Seconds patience)
      : connection_(context, access), timer_(context), patience_(patience) {}

  Status ask(Request request, Done done) {
    if (waiting_.size() >= kMaxWaiting) return fail(5, "too many requests wait for the API server");
    waiting_.push_back({std::move(request), std::move(done)});
    if (!busy_) next();
    return ok();
  }
  void stop() {
    stopped_ = true;
    waiting_.clear();
    timer_.cancel();
    connection_.cut();
  }

 private:
  struct Waiting {
    Request request;
    Done done;
  };

  void next() {
    if (stopped_ || waiting_.empty()) return;
    busy_ = true;
    answer_ = {};
    timer_.expires_after(patience_);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->stopped_ || !self->busy_ || self->timer_.expiry() > Instant::clock::now()) return;
      self->connection_.cut();
      self->finish(slash32::fail(5, "no answer in " + std::to_string(self->patience_.count()) + " s"));
    });
    connection_.send(std::move(waiting_.front().request),
                     {.head = [this](const ResponseHead& head) { answer_.head = head; },
                      .body = [this](std::string_view bytes) { took(bytes); },
                      .end = [this] { finish(std::move(answer_)); },
                      .failed = [this](const std::string& why) { finish(slash32::fail(5, why)); }});
  }

  void took(std::string_view bytes) {
    answer_.body.append(bytes);
    if (answer_.body.size() <= kMaxAnswer) return;
    connection_.cut();
    finish(slash32::fail(5, "the answer is longer than 4 MiB"));
  }

  void finish(Result<Response> result) {
    const auto self = shared_from_this();  // who is told may end us
    const auto done = std::move(waiting_.front().done);
    waiting_.pop_front();
    timer_.cancel();
    done(std::move(result));
    if (stopped_) return;
    busy_ = false;
    next();
  }

  Connection connection_;
  asio::steady_timer timer_;
  Seconds patience_;
  std::deque<Waiting> waiting_;
  Response answer_;
  bool busy_ = false;
  bool stopped_ = false;
};

Client::Client(asio::io_context& context, const Access& access, Seconds patience)
    : impl_(std::make_shared<Impl>(context, access, patience)) {}
Client::~Client() {
  if (impl_) impl_->stop();
}
Client::Client(Client&&) noexcept = default;

Status Client::ask(Request request, Done done) { return impl_->ask(std::move(request), std::move(done)); }

}  // namespace slash32::agent::kube
