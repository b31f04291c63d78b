// Sends one request after another with the agent's own client and prints what came of each: "status 200", or why there
// is none. A number above 0 is how many milliseconds from then on a request may still be sent; "due" is printed when
// they are over.
//   kube_ask KUBECONFIG MILLISECONDS...
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "agent/kube/access.h"
#include "agent/kube/client.h"
#include "tests/agent/kubeconfig.h"

namespace slash32::agent {
namespace {

constexpr Seconds kPatience{30};

class Asking {
 public:
  Asking(const kube::Access& access, std::vector<Milliseconds> limits)
      : client_(context_, access, kPatience), due_(context_), limits_(std::move(limits)) {}

  void run() {
    next();
    context_.run();
  }

 private:
  void next() {
    if (at_ == limits_.size()) return;
    const auto limit = limits_[at_++];
    kube::Request request{.method = "GET", .target = "/" + std::to_string(at_), .body = {}, .content_type = {}};
    if (limit > Milliseconds{0}) {
      request.send_before = Instant::clock::now() + limit;
      due_.expires_at(*request.send_before);
      due_.async_wait([](const boost::system::error_code& error) {
        if (!error) std::cout << "due" << std::endl;
      });
    }
    const auto asked = client_.ask(std::move(request), [this](const Result<kube::Response>& answer) {
      std::cout << (answer ? "status " + std::to_string(answer->head.status) : answer.error().message) << std::endl;
      due_.cancel();
      next();
    });
    if (!asked) std::cout << asked.error().message << std::endl;
  }

  boost::asio::io_context context_;
  kube::Client client_;
  boost::asio::steady_timer due_;
  std::vector<Milliseconds> limits_;
  std::size_t at_ = 0;
};

int ask(const std::vector<std::string>& arguments) {
  const auto access = test::access_of(arguments[0]);
  if (!access) return 1;
  std::vector<Milliseconds> limits;
  for (std::size_t i = 1; i < arguments.size(); ++i)
    limits.emplace_back(std::strtol(arguments[i].c_str(), nullptr, 10));
  Asking(*access, std::move(limits)).run();
  return 0;
}

}  // namespace
}  // namespace slash32::agent

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2) return slash32::agent::ask(arguments);
  std::cerr << "kube_ask KUBECONFIG MILLISECONDS...\n";
  return 2;
}
