// Single requests to the API server, one after another on one connection: status written back, Events, what the server
// offers. Bounded in number, size and time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "agent/kube/access.h"
#include "agent/kube/request.h"
#include "common/clock.h"
#include "common/result.h"

namespace slash32::agent::kube {

class Client {
 public:
  /// An answer of whatever status, or why there is none.
  using Done = std::function<void(Result<Response>)>;

  /// `access` must outlive it. `patience`: so long an answer may take, from its request to its last byte.
  Client(boost::asio::io_context& context, const Access& access, Seconds patience = Seconds{30});
  ~Client();  // what waits is not asked any more, and nothing is told
  Client(Client&&) noexcept;
  Client& operator=(Client&&) = delete;

  /// Queues a request. `done` is never called from within. Error at once: too many wait already.
  Status ask(Request request, Done done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::agent::kube
