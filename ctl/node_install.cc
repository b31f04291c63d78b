// `slash32ctl node install`: what a node needs before the first pod. The plugin and the IPAM where the container
// runtime looks for them, each whole or not at all, whoever executes the old one meanwhile; the names of our routes for
// ip(8); IP forwarding, recorded as found by the plugin's own rule.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>

#include "common/fd.h"
#include "common/netlink/socket.h"
#include "common/node/found.h"
#include "common/scope_guard.h"
#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/ipam_store.h"
#include "ctl/steps.h"

namespace slash32::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxProgramSize = std::size_t{512} << 20;
constexpr std::string_view kElfMagic{
    "\x7f"
    "ELF"};
constexpr const char* kLabel = "security.selinux";
constexpr unsigned kProgramMode = 0755;

/// What SELinux calls the file that stands there now: a new one would be called after its directory, and a runtime
/// confined by policy may not execute that.
Status copy_label(const fs::path& standing, const fs::path& file) {
  std::array<char, 512> label{};
  const auto size = ::getxattr(standing.c_str(), kLabel, label.data(), label.size());
  if (size < 0 && (errno == ENOENT || errno == ENODATA || errno == ENOTSUP)) return ok();
  if (size < 0) return sys_fail("read the SELinux label of " + standing.string());
  if (::setxattr(file.c_str(), kLabel, label.data(), static_cast<std::size_t>(size), 0) != 0)
    return sys_fail("set the SELinux label of " + file.string());
  return ok();
}

/// Whole and labelled before it takes its place; a name that remove_leftovers_of() knows until then.
Status place_program(const fs::path& target, const std::string& content) {
  const fs::path ready = target.string() + ".tmp.ready";
  TRY(write_atomic(ready, content, kProgramMode));
  ScopeGuard remove{[&] { ::unlink(ready.c_str()); }};
  TRY(copy_label(target, ready));
  if (::rename(ready.c_str(), target.c_str()) != 0) return sys_fail("rename " + ready.string());
  remove.dismiss();
  const UniqueFd directory{::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || ::fsync(directory.get()) != 0) return sys_fail("fsync " + target.parent_path().string());
  return ok();
}

bool has_mode(const fs::path& path, unsigned mode) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 07777U) == mode;
}

constexpr std::chrono::seconds kTurn{30};

/// Two installers at once take turns: a temporary file's name is the process number, which is 1 in every container.
Result<UniqueFd> take_turns(const fs::path& directory) {
  TRY(make_directories(directory));
  return node::lock_directory(directory, cni::Deadline::in(kTurn));
}

class Install {
 public:
  explicit Install(const NodeInstallQuery& query) : query_(query) {}

  Steps run() {
    programs();
    protocol_names();
    forwarding();
    return std::move(steps_);
  }

 private:
  void programs() {
    const auto turn = take_turns(query_.paths.bin_dir);
    if (!turn) return steps_.fail_with("programs", turn.error());
    // The plugin last: when it is there, so is what its networks may delegate to.
    for (const auto name : {kIpamFile, kPluginFile}) program(name);
  }

  void program(std::string_view name) {
    const auto target = query_.paths.bin_dir / name;
    remove_leftovers_of(target);
    const auto content = read_program(query_.source_dir / name);
    if (!content) return steps_.fail_with(target.string(), content.error());
    if (has_mode(target, kProgramMode))
      if (const auto present = read_file(target, kMaxProgramSize); present && *present == *content)
        return steps_.add(Outcome::Unchanged, target.string());
    steps_.run(target.string(), [&] { return place_program(target, *content); });
  }

  static Result<std::string> read_program(const fs::path& source) {
    auto content = TRY(read_file(source, kMaxProgramSize));
    if (!content.starts_with(kElfMagic)) return fail(5, source.string() + " is no program of Linux (ELF)");
    return content;
  }

  /// Names are for people: a host whose /etc cannot be written goes without.
  void protocol_names() {
    const auto path = query_.paths.rt_protos_dir / kProtocolNamesFile;
    const auto present = read_file_if_there(path);
    if (present && *present == kProtocolNames) return steps_.add(Outcome::Unchanged, path.string());
    auto done = make_directories(query_.paths.rt_protos_dir);
    if (done) done = write_atomic(path, kProtocolNames);
    if (done) return steps_.add(Outcome::Done, path.string());
    steps_.add(Outcome::Skipped, path.string(), done.error().message + "; ip(8) will show numbers");
  }

  void forwarding() {
    auto families = query_.families;
    std::error_code error;
    if (families.v6 && !fs::exists(node::kForward6, error)) {
      steps_.add(Outcome::Skipped, std::string(node::kForward6), "this kernel has no IPv6");
      families.v6 = false;
    }
    auto host = netlink::Socket::open(netlink::Family::Route, kPatience);
    if (!host) return steps_.fail_with("forwarding", host.error());
    forwarding_of(*host, node::kForward4, {.v4 = families.v4, .v6 = false}, families.v4);
    forwarding_of(*host, node::kForward6, {.v4 = false, .v6 = families.v6}, families.v6);
  }

  void forwarding_of(netlink::Socket& host, std::string_view setting, node::Families family, bool wanted) {
    if (!wanted) return;
    const auto on = node::read_forwarding(host, family);
    if (!on) return steps_.fail_with(std::string(setting), on.error());
    if (on->v4 && on->v6) return steps_.add(Outcome::Unchanged, std::string(setting));
    steps_.run(std::string(setting), [&] {
      return node::enable_forwarding(host, query_.paths.state_dir, family, cni::Deadline::in(kPatience));
    });
  }

  const NodeInstallQuery& query_;
  Steps steps_;
};

}  // namespace

void remove_leftovers_of(const fs::path& target) {
  const auto beginning = target.filename().string() + ".tmp.";
  std::error_code error;
  for (fs::directory_iterator at(target.parent_path(), error), end; !error && at != end; at.increment(error))
    if (at->path().filename().native().starts_with(beginning)) ::unlink(at->path().c_str());
}

Result<bool> run_node_install(const Options& options, const NodeInstallQuery& query, std::ostream& out) {
  const auto steps = Install(query).run();
  const auto replace = nlohmann::json::error_handler_t::replace;
  print_line(out, options.json ? steps_document(steps).dump(2, ' ', false, replace) : render_steps(steps));
  return steps.whole();
}

}  // namespace slash32::ctl
