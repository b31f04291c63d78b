// The command line of `node install` and `cleanup`. Every path of a node has a flag, and --root moves all of them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "ctl/commands.h"

namespace slash32::ctl {

class NodeCommandLine {
 public:
  /// Hands a parsed command over, to be run when all is read.
  using Take = std::function<void(std::function<Result<bool>()> work)>;

  /// `this` and `options` must live until the work is done.
  void add_to(CLI::App& app, const Take& take, const Options& options);

 private:
  void add_install(CLI::App& app, const Take& take, const Options& options);
  void add_cleanup(CLI::App& app, const Take& take, const Options& options);
  void add_paths(CLI::App& command, bool all);
  NodePaths paths() const;

  std::filesystem::path root_;
  NodePaths given_{{}, {}, {}, {}, {}, {}};  // empty: below root_
  NodeInstallQuery install_;
  std::vector<std::string> families_{"ipv4", "ipv6"};
  CleanupQuery cleanup_;
};

}  // namespace slash32::ctl
