// Tries for a lease and keeps it: kube::Lease with a clock, and with a connection of its own, so that nothing else that
// is asked of the API holds up a renewal.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/kube/access.h"
#include "agent/kube/client.h"
#include "agent/kube/lease.h"

namespace slash32::agent {

class Candidate {
 public:
  /// Begins at once. `access` must outlive it. `told` hears true when we hold the lease from now on, and false when no
  /// longer; never from within the constructor, and it must not end us.
  Candidate(boost::asio::io_context& context, const kube::Access& access, kube::LeaseSettings settings,
            std::function<void(bool held)> told);
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate() = default;  // without a word: a lease that we hold runs out

  /// Gives the lease back, if we hold it; `told` hears of it first. `done` is called once, when the API has heard of it
  /// or does not answer in 2 s, and at once where we do not hold it; then we may be ended. Nothing is tried after it.
  void give_back(std::function<void()> done);

  bool held() const { return lease_.held(); }
  /// Until when the holder may send what only a holder may; nothing: not now (Lease::may_act_until).
  std::optional<Instant> may_act_until() const { return lease_.may_act_until(Instant::clock::now()); }
  const std::string& holder() const { return lease_.holder(); }    // as last seen; empty: nobody
  const std::string& trouble() const { return lease_.trouble(); }  // of the last request; empty: none

 private:
  void carry_out(const kube::LeaseActions& actions);
  void leave(const kube::LeaseActions& actions);
  void finish();
  void ask(const kube::Request& request);
  void say_trouble();
  void wake_later();

  kube::Lease lease_;
  kube::Client client_;
  boost::asio::steady_timer timer_;
  std::function<void(bool)> told_;
  bool leaving_ = false;
  std::function<void()> done_;                            // of give_back()
  std::string said_;                                      // the trouble as it was logged
  std::shared_ptr<int> here_ = std::make_shared<int>(0);  // a timer that has run out already must not find us gone
};

/// The time of day as the API writes it where it wants microseconds: "2026-01-02T03:04:05.678901Z".
std::string micro_time();

}  // namespace slash32::agent
