// Asks slash32-bgpd over its unix socket, without waiting: one question at a time, each bounded.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/result.h"

namespace slash32::agent {

struct BgpdAnswer {
  int status = 0;
  std::string body;
};

class BgpdClient {
 public:
  using Done = std::function<void(Result<BgpdAnswer>)>;

  BgpdClient(boost::asio::io_context& context, std::filesystem::path socket);
  ~BgpdClient();  // nothing is told after it
  BgpdClient(BgpdClient&&) noexcept;
  BgpdClient& operator=(BgpdClient&&) = delete;

  /// Asks on a connection of its own. `done` is never called from within. Error: nobody answers, or not in 10 s.
  void ask(const std::string& method, const std::string& target, Done done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::agent
