// Which kinds of objects are watched, and the watchers that fill the store. Follows what the plan needs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/kube/client.h"
#include "agent/kube/watcher.h"
#include "agent/plan/world.h"
#include "agent/world_store.h"

namespace slash32::agent {

class Watches {
 public:
  struct Settings {
    std::string node;        // this node's name
    std::string name_space;  // of Secrets
    /// Files of an earlier life stand: what it was told must not be given up for a server that is still starting.
    bool listed_before = false;
  };

  /// All borrowed. `changed` is called after each change in the store that a plan could depend on, with the kind of
  /// what changed, and when a renewed kind has been listed.
  Watches(boost::asio::io_context& context, const kube::Access& access, kube::Client& client, WorldStore& store,
          Settings settings, std::function<void(model::Kind)> changed);

  enum class Nodes : std::uint8_t {
    Own,       // this node's only
    AllAside,  // every one, but for this node's plan its own will do
    All        // every one: nothing is planned until they have been heard of
  };
  /// Watches these and no others. True: the store changed at once.
  bool follow(const plan::Needs& needs, Nodes nodes);
  /// Whether every Node has been heard of, not this node's alone.
  bool has_all_nodes() const;
  /// To be called now and then: asks again for what could not be discovered.
  void look_again();

  /// Lists the kind anew, and not from the server's cache: what is known of it then is not older than this call. Until
  /// then what was known stays. Holds for watches of it that begin later too, until settle().
  void renew(model::Kind kind);
  /// Whether what renew() asked for has arrived.
  bool is_fresh(model::Kind kind) const;
  /// The server's cache will do again for what begins from now on.
  void settle(model::Kind kind) { renewed_.erase(kind); }

  /// By name, for status and metrics.
  std::vector<std::pair<std::string, kube::ReflectorView>> views() const;

 private:
  using Name = std::pair<model::Kind, std::string>;  // the second: of a Secret, else empty
  struct Watch {
    std::string selector;
    std::string version;            // of the API group
    std::set<std::string> earlier;  // keys an earlier watcher left, not seen by this one yet
    bool synced = false;
    bool fresh = false;     // begun by renew() or after it
    bool again = false;     // what the earlier one told is whole, and stays so until this one has told it
    bool own_only = false;  // what is listed is this node's; of the others this one has not told yet
    std::unique_ptr<kube::Watcher> watcher;
  };

  void follow_nodes(Nodes nodes);
  void begin(const Name& name, const std::string& selector);
  bool end(const Name& name);
  bool drop_unwanted(const plan::Needs& needs);
  void synced(const Name& name);
  void discover();
  std::vector<std::string> keys_of(model::Kind kind) const;

  boost::asio::io_context& context_;
  const kube::Access& access_;
  kube::Client& client_;
  WorldStore& store_;
  Settings settings_;
  std::function<void(model::Kind)> changed_;
  std::set<model::Kind> renewed_;
  std::map<Name, Watch> watches_;
  bool wants_slices_ = false;
  bool discovering_ = false;
  std::optional<std::string> slice_version_;
  std::string discovery_trouble_;
};

}  // namespace slash32::agent
