// Tries for a lease with the agent's own code and prints "held" and "lost", a line each. SIGTERM gives it back. The log
// goes to standard error. Times in seconds.
//   kube_lease KUBECONFIG IDENTITY DURATION RENEW STOP LOOK
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "agent/candidate.h"
#include "agent/kube/access.h"
#include "tests/agent/kubeconfig.h"

namespace slash32::agent {
namespace {

int try_for(const std::vector<std::string>& arguments) {
  const auto access = test::access_of(arguments[0]);
  if (!access) return 1;
  const auto seconds = [&](std::size_t at) { return Seconds{std::strtol(arguments[at].c_str(), nullptr, 10)}; };
  boost::asio::io_context context;
  Candidate candidate(context, *access,
                      {.name_space = "slash32-system",
                       .name = "slash32-agent",
                       .identity = arguments[1],
                       .duration = seconds(2),
                       .renew = seconds(3),
                       .stop = seconds(4),
                       .look_least = seconds(5),
                       .look_most = seconds(5)},
                      [](bool held) { std::cout << (held ? "held" : "lost") << std::endl; });
  boost::asio::signal_set signals(context, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) candidate.give_back([&] { context.stop(); });
  });
  context.run();
  return 0;
}

}  // namespace
}  // namespace slash32::agent

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 6) return slash32::agent::try_for(arguments);
  std::cerr << "kube_lease KUBECONFIG IDENTITY DURATION RENEW STOP LOOK\n";
  return 2;
}
