// Reads every #include in the tree and fails on an arrow that the design does not have. A folder may include what its
// row allows and itself. Third-party headers are bound to folders as well, so that libraries stay replaceable.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Folders = std::set<std::string>;

// The longest matching row governs a file. "bgpd" is the daemon itself: the one place where all parts meet.
const std::map<std::string, Folders> kMayInclude = {
    {"common", {}},
    {"common/cni", {"common"}},
    // HTTP and metrics as every daemon of ours serves them, and as commands ask for them.
    {"common/control", {"common"}},
    {"common/netlink", {"common"}},
    // What the plugin makes on the node's side of a pod and slash32ctl mends there.
    {"common/pod", {"common", "common/netlink", "common/cni/error.h"}},
    // What the plugin changes of the node itself, the agent keeps, and slash32ctl installs and puts back.
    {"common/node", {"common", "common/cni/deadline.h", "common/cni/error.h", "common/netlink", "common/pod"}},
    {"config", {"common", "common/cni"}},
    {"ipam", {"config", "common", "common/cni", "common/netlink", "common/pod"}},
    {"plugin", {"ipam", "config", "common", "common/cni", "common/netlink", "common/node", "common/pod"}},
    {"bgpd/wire", {"common"}},
    {"bgpd/fsm", {"bgpd/wire", "common"}},
    {"bgpd/peer", {"bgpd/fsm", "bgpd/wire", "common"}},
    {"bgpd/policy", {"bgpd/wire", "config", "common"}},
    {"bgpd/rib", {"bgpd/policy", "bgpd/wire", "bgpd/fib/delta.h", "config", "common"}},
    {"bgpd/fib", {"common", "common/netlink"}},
    {"bgpd/transport", {"bgpd/peer", "bgpd/wire", "common"}},
    {"bgpd/bfd", {"common"}},
    {"bgpd/ndp", {"common"}},
    {"bgpd/mrt", {"bgpd/fsm", "bgpd/wire", "common"}},
    {"bgpd",
     {"bgpd/wire", "bgpd/policy", "bgpd/fsm", "bgpd/peer", "bgpd/rib", "bgpd/fib", "bgpd/transport", "common/control",
      "bgpd/bfd", "bgpd/ndp", "bgpd/mrt", "config", "common", "common/netlink"}},
    // The agent's core: objects of the API and what follows from them. No socket, no file.
    {"agent/model", {"config", "common"}},
    {"agent/plan", {"agent/model", "config", "common"}},
    // The client of the Kubernetes API. It knows paths, versions and bytes, and nothing of what the objects mean.
    {"agent/kube", {"common"}},
    {"agent",
     {"agent/model", "agent/plan", "agent/kube", "config", "common", "common/cni/deadline.h", "common/control",
      "common/netlink", "common/node"}},
    // ipam: `slash32ctl ipam` reads the store through the library that owns its format.
    // bgpd/policy: `slash32ctl policy test` must decide as the speaker does, so it asks the same evaluator, which knows
    // routes as bgpd/wire's attributes. Both are pure; nothing else of bgpd is seen.
    // common/cni/deadline.h: the lock of found.json is waited for as the plugin does.
    {"ctl",
     {"ipam", "bgpd/policy", "bgpd/wire/attributes.h", "config", "common", "common/cni/deadline.h",
      "common/control/http_client.h", "common/netlink", "common/node", "common/pod"}},
};

// Headers of a library, and the only folders (or files) that may name them.
struct Library {
  std::string header;  // prefix of the included name
  Folders folders;
};
const std::vector<Library> kLibraries = {
    {"netlink/", {"common/netlink", "plugin"}},
    {"libmnl/", {"common/netlink"}},
    {"lmdb.h", {"ipam"}},
    {"boost/", {"bgpd/transport", "common/control", "bgpd/bfd", "bgpd", "agent", "agent/kube", "ctl"}},
    {"openssl/", {"agent/kube"}},
    {"yaml-cpp/", {"agent/kube"}},
    {"CLI/", {"bgpd", "agent", "ctl"}},
    {"sys/socket.h",
     {"common", "common/cni", "common/netlink", "plugin", "bgpd/transport", "common/control", "bgpd/bfd", "bgpd/ndp",
      "bgpd", "agent/kube", "ctl"}},
};
// The protocol core is pure: no socket, clock, file, log, thread.
const Folders kPure = {"bgpd/wire", "bgpd/policy", "bgpd/fsm",    "bgpd/peer",  "bgpd/rib",  "bgpd/bfd",
                       "bgpd/ndp",  "bgpd/mrt",    "agent/model", "agent/plan", "agent/kube"};
// The thin shell that stands in a pure folder.
const Folders kShells = {"bgpd/bfd/transport.h",     "bgpd/bfd/transport.cc",    "bgpd/bfd/udp.h",
                         "bgpd/bfd/udp.cc",          "bgpd/ndp/socket.h",        "bgpd/ndp/socket.cc",
                         "agent/kube/tls.h",         "agent/kube/tls.cc",        "agent/kube/connection.h",
                         "agent/kube/connection.cc", "agent/kube/client.h",      "agent/kube/client.cc",
                         "agent/kube/watcher.h",     "agent/kube/watcher.cc",    "agent/kube/access.h",
                         "agent/kube/credentials.h", "agent/kube/credentials.cc"};
const std::vector<std::string> kImpure = {"boost/", "sys/",       "unistd.h",     "fcntl.h", "fstream",  "iostream",
                                          "thread", "mutex",      "common/log.h", "time.h",  "netlink/", "libmnl/",
                                          "net/",   "filesystem", "common/fd.h",  "random",  "poll.h",   "signal.h"};

std::string row_of(const std::string& path) {
  std::string best;
  for (const auto& [row, allowed] : kMayInclude)
    if (path.starts_with(row + "/") && row.size() > best.size()) best = row;
  return best;
}

struct Include {
  std::string file;
  int line = 0;
  std::string name;
  bool own = false;  // "quoted": of this tree
};

std::vector<Include> all_includes() {
  const fs::path root = SLASH32_SOURCE_DIR;
  const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^">]+)[">])");
  std::vector<Include> out;
  for (const char* top : {"common", "config", "ipam", "plugin", "bgpd", "agent", "ctl"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      std::ifstream text(entry.path());
      std::string line;
      for (int number = 1; std::getline(text, line); ++number) {
        std::smatch match;
        if (!std::regex_search(line, match, pattern)) continue;
        out.push_back({fs::relative(entry.path(), root).string(), number, match[2], match[1] == "\""});
      }
    }
  }
  return out;
}

std::string place(const Include& include) { return include.file + ":" + std::to_string(include.line); }

TEST(Layering, TheTreeIsThereToBeRead) { EXPECT_GT(all_includes().size(), 300U); }

TEST(Layering, EveryIncludeIsAnArrowOfTheDesign) {
  for (const auto& include : all_includes()) {
    if (!include.own) continue;
    const auto from = row_of(include.file);
    const auto to = row_of(include.name);
    ASSERT_FALSE(from.empty()) << place(include) << ": no row for this folder";
    ASSERT_FALSE(to.empty()) << place(include) << ": \"" << include.name
                             << "\" is not a root-relative path of the tree";
    const auto& allowed = kMayInclude.at(from);
    EXPECT_TRUE(from == to || allowed.contains(to) || allowed.contains(include.name))
        << place(include) << ": " << from << " must not include " << include.name;
  }
}

TEST(Layering, LibrariesStayInTheirFolders) {
  for (const auto& include : all_includes()) {
    for (const auto& library : kLibraries) {
      if (!include.name.starts_with(library.header) || include.own) continue;
      EXPECT_TRUE(library.folders.contains(row_of(include.file)))
          << place(include) << ": <" << include.name << "> does not belong in " << row_of(include.file);
    }
  }
}

TEST(Layering, TheProtocolCoreIsPure) {
  for (const auto& include : all_includes()) {
    if (!kPure.contains(row_of(include.file)) || kShells.contains(include.file)) continue;
    for (const auto& impure : kImpure)
      EXPECT_FALSE(include.name.starts_with(impure)) << place(include) << ": pure code includes " << include.name;
  }
}

}  // namespace
