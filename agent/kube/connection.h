// One HTTPS connection to the API server: a request at a time, the answer in pieces as they come. TLS 1.2 or newer, the
// certificate checked against the authority and the name or address we called. Decides nothing: what an answer means,
// and how long to wait for it, is the caller's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/kube/access.h"
#include "agent/kube/request.h"

namespace slash32::agent::kube {

/// Told in this order: head, any number of bodies, end; or failed, at any time, and nothing after it.
struct ResponseHandler {
  std::function<void(const ResponseHead&)> head;
  std::function<void(std::string_view)> body;
  std::function<void()> end;
  std::function<void(const std::string& why)> failed;
};

class Connection {
 public:
  /// `access` must outlive it. Nothing is connected before the first send().
  Connection(boost::asio::io_context& context, const Access& access);
  ~Connection();  // nothing is told after it
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) = delete;

  /// Asks. What is being answered still is given up. The connection is kept for the next request where the server
  /// agrees and the credentials are still the same; one that the server closed meanwhile is made again, unseen. Tokens
  /// and certificates are read anew from their files. `handler` is never called from within send().
  void send(Request request, ResponseHandler handler);
  /// Gives up what is being answered, without a word, and closes.
  void cut();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::agent::kube
