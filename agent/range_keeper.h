// Which ranges pods of this node may have addresses from: those the Node has now, and former ones in which a pod still
// lives. A former range stays announced until its last pod is gone. Pure.
#pragma once

#include <map>
#include <vector>

#include "common/clock.h"
#include "common/ip.h"

namespace slash32::agent {

class RangeKeeper {
 public:
  /// `known`: of an earlier life.
  explicit RangeKeeper(std::vector<Prefix> known = {}) : known_(std::move(known)) {}

  /// Those of the known ranges that are not among `current`.
  std::vector<Prefix> former(const std::vector<Prefix>& current) const;
  /// `alive`: the former ranges in which a pod lives. A former range is let go when it has been empty for a minute: an
  /// ADD that read the old node.json may be on its way. Nothing current: the Node has none at the moment, and nothing
  /// is let go, for pods live in what was current before.
  void update(const std::vector<Prefix>& current, const std::vector<Prefix>& alive, Instant now);

  /// All of them: to be kept over a restart.
  const std::vector<Prefix>& known() const { return known_; }
  /// The former ones among them.
  const std::vector<Prefix>& kept() const { return kept_; }

 private:
  std::vector<Prefix> known_;
  std::vector<Prefix> kept_;
  std::map<Prefix, Instant> empty_since_;
};

}  // namespace slash32::agent
