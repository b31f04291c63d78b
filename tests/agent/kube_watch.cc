// Watches one kind with the agent's client and prints what it is told, a line each: "put NAME VERSION", "remove NAME",
// "synced". The log goes to standard error. Ends when killed.
//   kube_watch KUBECONFIG PLURAL [GROUP VERSION [FIELD-SELECTOR]]
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "agent/kube/access.h"
#include "agent/kube/watcher.h"
#include "tests/agent/kubeconfig.h"

namespace slash32::agent::kube {
namespace {

int watch(const std::vector<std::string>& arguments) {
  const auto access = test::access_of(arguments[0]);
  if (!access) return 1;
  ReflectorSettings settings;
  settings.resource = {.group = "", .version = "v1", .plural = arguments[1]};
  if (arguments.size() > 3) settings.resource = {arguments[2], arguments[3], arguments[1]};
  if (arguments.size() > 4) settings.field_selector = arguments[4];
  settings.chance = [] { return 0.0; };  // waits are the shortest there are
  boost::asio::io_context context;
  const Watcher watcher(context, *access, settings,
                        {.put =
                             [](const std::string& key, const nlohmann::json& object) {
                               std::cout << "put " << key << " " << object["metadata"].value("resourceVersion", "?")
                                         << std::endl;
                             },
                         .remove = [](const std::string& key) { std::cout << "remove " << key << std::endl; },
                         .synced = [] { std::cout << "synced" << std::endl; }});
  context.run();
  return 0;
}

}  // namespace
}  // namespace slash32::agent::kube

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2) return slash32::agent::kube::watch(arguments);
  std::cerr << "kube_watch KUBECONFIG PLURAL [GROUP VERSION [FIELD-SELECTOR]]\n";
  return 2;
}
