// What became of Services and their endpoints since somebody planned, so that a plan costs what changed and not what
// there is. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "agent/model/service.h"

namespace slash32::agent::plan {

class ServiceNews {
 public:
  /// More Services than this are not told apart: then all are looked at.
  static constexpr std::size_t kMost = 10000;

  void service(const model::ObjectKey& key);
  /// An EndpointSlice as it was and as it is; nothing: it was not there, or is not any more.
  void slice(const model::EndpointSlice* before, const model::EndpointSlice* after);
  /// Services or their slices are not watched any more.
  void forget_services() { all_ = true; }
  void forget_slices();

  /// The endpoints of a Service in all of its slices of this family.
  model::Endpoints endpoints(const model::ObjectKey& service, AddressFamily family) const;

  struct Touched {
    bool all = false;  // else these alone
    std::set<model::ObjectKey> services;
  };
  /// What came since the last call.
  Touched take();

 private:
  void count(const model::EndpointSlice* slice, bool in);

  std::map<std::pair<model::ObjectKey, AddressFamily>, model::Endpoints> endpoints_;
  std::set<model::ObjectKey> touched_;
  bool all_ = true;
};

}  // namespace slash32::agent::plan
