#include "common/node/found.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "common/json_field.h"

namespace slash32::node {
namespace {

constexpr std::string_view kFileName = "found.json";

Result<Settings> parse_found(std::string_view text) {
  const auto document = TRY(parse_json(text));
  const JsonField root(document);
  TRY(root.only({"settings"}));
  Settings settings;
  if (!root.has("settings")) return settings;
  const auto section = root.child("settings");
  TRY(section.is_object());
  for (const auto& [path, value] : section.value().items()) settings[path] = TRY(json::text(section.child(path)));
  return settings;
}

/// What a killed one of us was writing. We hold the lock: nobody else is at it.
void remove_leftovers(const std::filesystem::path& directory) {
  const auto beginning = std::string(kFileName) + ".tmp.";
  std::error_code ec;
  for (std::filesystem::directory_iterator at(directory, ec), end; !ec && at != end; at.increment(ec))
    if (at->path().filename().native().starts_with(beginning)) ::unlink(at->path().c_str());
}

}  // namespace

/// flock(2) knows no timeout; this one is held for a file's writing, so asking every two milliseconds is enough.
Result<UniqueFd> lock_directory(const std::filesystem::path& directory, const cni::Deadline& deadline) {
  UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return sys_fail("open " + directory.string());
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return sys_fail("lock " + directory.string());
    TRY(deadline.check("the lock of " + directory.string()));
    const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return fd;
}

Result<Settings> read_found(const std::filesystem::path& state_dir) {
  const auto path = state_dir / kFileName;
  const auto text = TRY(read_file_if_there(path));
  if (!text) return Settings{};
  auto settings = parse_found(*text);
  if (!settings) return fail(in(path.string(), std::move(settings).error()));
  return settings;
}

Status record_found(const std::filesystem::path& state_dir, const Settings& settings, const cni::Deadline& deadline) {
  TRY(make_directories(state_dir));
  const auto lock = TRY(lock_directory(state_dir, deadline));
  remove_leftovers(state_dir);
  Settings all = TRY(read_found(state_dir));
  const std::size_t before = all.size();
  all.insert(settings.begin(), settings.end());  // never overwrites
  if (all.size() == before) return ok();
  const nlohmann::json document = {{"settings", all}};
  return write_atomic(state_dir / kFileName, document.dump(2) + "\n");
}

Status forget_found(const std::filesystem::path& state_dir, const cni::Deadline& deadline) {
  const auto path = state_dir / kFileName;
  if (::access(state_dir.c_str(), F_OK) != 0 && errno == ENOENT) return ok();
  const auto lock = TRY(lock_directory(state_dir, deadline));
  remove_leftovers(state_dir);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return sys_fail("remove " + path.string());
  return ok();
}

}  // namespace slash32::node
