// Every socket on which neighbours may call, as a difference: what is open stays open until what replaces it stands.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bgpd/transport/listener.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

class Listeners {
 public:
  using Wanted = std::vector<config::ListenConf>;

  Listeners(Loop& loop, Listener::Accepted accepted) : loop_(loop), accepted_(std::move(accepted)) {}

  /// Opens what `wanted` has and `before` had not, beside what is open; take() makes it count. What `before` had and
  /// could not be opened stays a problem, to be tried again, and is no reason to refuse something else. Error:
  /// "/listen/N: why"; then nothing changed.
  Result<std::vector<Listener>> prepare(const Wanted& before, const Wanted& wanted, const ListenKeys& keys);
  /// From now on what is open is `wanted`, with `prepared` among it.
  void take(std::vector<Listener> prepared, const Wanted& wanted);
  /// Opens what is wanted and not open. Whether all of it is open now; otherwise problems() has the reasons. A key that
  /// a socket does not take is the caller's to notice, with set_keys().
  bool open_missing(const Wanted& wanted, const ListenKeys& keys);
  /// As Listener::set_keys, on every one.
  Status set_keys(const Prefix& peer, const TcpKeys& keys);
  void close() { open_.clear(); }

  /// Address → why nobody can call there.
  const std::map<std::string, std::string>& problems() const { return problems_; }
  bool is_open(const Endpoint& local) const;

 private:
  Loop& loop_;
  Listener::Accepted accepted_;
  std::vector<Listener> open_;
  std::map<std::string, std::string> problems_;
};

}  // namespace slash32::bgp
