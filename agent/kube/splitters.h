// Long answers cut into objects while they arrive, so that only one of them is in memory at a time. Pure, bounded.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32::agent::kube {

/// An object may be 1.5 MiB in etcd; JSON and managedFields need more.
inline constexpr std::size_t kMaxObject = std::size_t{8} << 20;

/// Takes one object's text. An error ends the splitting.
using TakeText = std::function<Status(std::string_view text)>;

/// The lines of a watch. Empty ones are passed over.
class LineSplitter {
 public:
  /// Error: a line is too long, or what `take` said. The splitter is of no use afterwards.
  Status feed(std::string_view bytes, const TakeText& take);
  /// Whether the last line has not ended.
  bool within_line() const { return !line_.empty(); }

 private:
  std::string line_;
};

/// The elements of `items` of a list, wherever that member stands among the others.
class ListSplitter {
 public:
  /// Error: it is not an object, an element is no object or too long, or what `take` said.
  Status feed(std::string_view bytes, const TakeText& take);
  /// The list without its items, `"items": []` or null. Error: it has not ended, or is not JSON.
  Result<nlohmann::json> finish() const;

 private:
  Status step(char c, const TakeText& take);
  void in_text(char c);
  Status opened(char c);
  Status closed(char c, const TakeText& take);
  Status keep(char c);
  bool in_item() const { return in_items_ && depth_ >= 3; }

  std::string envelope_;  // everything but the items
  std::string item_;      // of the one that is being read
  int depth_ = 0;         // of braces and brackets
  bool in_string_ = false;
  bool escaped_ = false;
  bool in_items_ = false;
  bool ended_ = false;
};

}  // namespace slash32::agent::kube
