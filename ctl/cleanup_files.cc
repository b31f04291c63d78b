// What `slash32ctl cleanup` removes of files. Names that we know, never a tree: a wrong --run-dir must not cost more.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "common/json_field.h"
#include "ctl/cleanup.h"

namespace slash32::ctl {
namespace {

namespace fs = std::filesystem;

bool names_our_plugin(const nlohmann::json& plugin) {
  return plugin.is_object() && plugin.contains("type") && plugin["type"] == kPluginFile;
}

Status remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return sys_fail("remove " + path.string());
  return ok();
}

bool is_there(const fs::path& path) { return ::access(path.c_str(), F_OK) == 0 || errno != ENOENT; }

void remove_if_there(const fs::path& path, Steps& steps) {
  if (is_there(path))
    steps.run(path.string(), [&] { return remove_file(path); });
  else
    steps.add(Outcome::Unchanged, path.string(), "not there");
}

/// Files of these names and what killed writers left of them.
std::vector<fs::path> files_of(const fs::path& directory, const std::vector<std::string_view>& names) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (std::ranges::any_of(names,
                            [&](auto one) { return name == one || name.starts_with(std::string(one) + ".tmp."); }))
      out.push_back(at->path());
  }
  std::ranges::sort(out);
  return out;
}

/// The files of ours in a directory, and itself when nothing else is in it. One that was made for us alone.
void remove_directory(const fs::path& directory, const std::vector<std::string_view>& names, Steps& steps) {
  if (!is_there(directory)) return steps.add(Outcome::Unchanged, directory.string(), "not there");
  steps.run(directory.string(), [&]() -> Status {
    for (const auto& file : files_of(directory, names)) TRY(remove_file(file));
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return ok();
    if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY) return ok();  // told by tell_what_is_left()
    return sys_fail("remove " + directory.string());
  });
}

void tell_what_is_left(const fs::path& directory, Steps& steps) {
  if (steps.dry_run()) return;
  std::string names;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    names += (names.empty() ? "" : ", ") + at->path().filename().string();
  if (!names.empty()) steps.add(Outcome::Skipped, directory.string(), "left in place: " + names);
}

const std::vector<std::string_view> kStoreFiles{"ipam.mdb", "ipam.mdb.new", "ipam.stamp", "lock"};
const std::vector<std::string_view> kRunFiles{"node.json",  "node-facts.json", "bgpd.json", "bgpd.sock",
                                              "bgpd.state", "bgpd.state.put",  "agent.sock"};
const std::vector<std::string_view> kStateFiles{"node.json", "bgpd.json", "pod-ranges.json"};
const std::vector<std::string_view> kLogFiles{"cni.log", "cni.log.1"};

/// The agent's password files for bgpd, named as the plan likes: every file of the directory, which is the agent's
/// alone (mode 0700, so that a wrong --run-dir costs nothing).
void remove_secrets(const fs::path& directory, Steps& steps) {
  std::error_code error;
  if (fs::status(directory, error).permissions() != fs::perms::owner_all || error) return;
  std::vector<std::string> files;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->is_regular_file(error)) files.push_back(at->path().filename().string());
  remove_directory(directory, {files.begin(), files.end()}, steps);
}

}  // namespace

bool is_conflist_of_ours(const std::string& text) {
  const auto parsed = parse_json_leniently(text);
  if (!parsed || !parsed->value.is_object()) return false;
  const auto& document = parsed->value;
  if (!document.contains("plugins")) return names_our_plugin(document);
  return document["plugins"].is_array() && std::ranges::any_of(document["plugins"], names_our_plugin);
}

void remove_conflist(const CleanupQuery& query, Steps& steps) {
  const auto path = query.paths.conf_dir / kConflistFile;
  if (!steps.dry_run()) remove_leftovers_of(path);
  const auto text = read_file_if_there(path);
  if (!text) return steps.fail_with(path.string(), text.error());
  if (!*text) return steps.add(Outcome::Unchanged, path.string(), "not there");
  if (!is_conflist_of_ours(**text))
    return steps.add(Outcome::Skipped, path.string(), "somebody else's: it does not name the plugin slash32");
  steps.run(path.string(), [&] { return remove_file(path); });
}

void remove_programs(const CleanupQuery& query, Steps& steps) {
  for (const auto name : {kPluginFile, kIpamFile}) {
    const auto path = query.paths.bin_dir / name;
    if (!steps.dry_run()) remove_leftovers_of(path);
    remove_if_there(path, steps);
  }
  const auto names = query.paths.rt_protos_dir / kProtocolNamesFile;
  const auto text = read_file_if_there(names);
  if (text && *text && **text != kProtocolNames)
    return steps.add(Outcome::Skipped, names.string(), "not as we wrote it");
  remove_if_there(names, steps);
}

void remove_stores(const CleanupQuery& query, const std::vector<fs::path>& stores, Steps& steps) {
  for (const auto& store : stores) {
    remove_directory(store, kStoreFiles, steps);
    tell_what_is_left(store, steps);
  }
  remove_secrets(query.paths.run_dir / "secrets", steps);
  const std::array<std::pair<fs::path, const std::vector<std::string_view>*>, 3> directories{
      {{query.paths.run_dir, &kRunFiles}, {query.paths.state_dir, &kStateFiles}, {query.paths.log_dir, &kLogFiles}}};
  for (const auto& [directory, names] : directories) {
    remove_directory(directory, *names, steps);
    tell_what_is_left(directory, steps);
  }
}

}  // namespace slash32::ctl
