// A reflector on a connection of its own, with a timer: keeps telling what there is of one kind, for as long as it
// lives.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/kube/access.h"
#include "agent/kube/reflector.h"

namespace slash32::agent::kube {

struct WatchHandler {
  std::function<void(const std::string& key, const nlohmann::json& object)> put;
  std::function<void(const std::string& key)> remove;
  std::function<void()> synced;
};

class Watcher {
 public:
  /// Begins at once. `access` must outlive it. The handler is never called from within the constructor.
  Watcher(boost::asio::io_context& context, const Access& access, ReflectorSettings settings, WatchHandler handler);
  ~Watcher();  // nothing is told after it
  Watcher(Watcher&&) noexcept;
  Watcher& operator=(Watcher&&) = delete;

  ReflectorView view() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace slash32::agent::kube
