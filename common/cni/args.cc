#include "common/cni/args.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

constexpr std::array<std::pair<Command, std::string_view>, 6> kCommands = {{{Command::Add, "ADD"},
                                                                            {Command::Del, "DEL"},
                                                                            {Command::Check, "CHECK"},
                                                                            {Command::Status, "STATUS"},
                                                                            {Command::Gc, "GC"},
                                                                            {Command::Version, "VERSION"}}};

constexpr unsigned bit(Command command) { return 1U << static_cast<unsigned>(command); }

/// CNI section 2 and the reference skel's table: which verb must have which variable, and which may.
struct Variable {
  const char* name;
  unsigned required;
  unsigned used;
};
constexpr unsigned kAttachment = bit(Command::Add) | bit(Command::Del) | bit(Command::Check);
constexpr std::array<Variable, 4> kVariables = {{
    {"CNI_CONTAINERID", kAttachment, kAttachment},
    {"CNI_NETNS", bit(Command::Add) | bit(Command::Check), kAttachment},  // DEL: may be gone
    {"CNI_IFNAME", kAttachment, kAttachment},
    {"CNI_PATH", kAttachment | bit(Command::Gc) | bit(Command::Status),
     kAttachment | bit(Command::Gc) | bit(Command::Status)},
}};

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::vector<std::filesystem::path> split_path(const std::string& text) {
  std::vector<std::filesystem::path> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(':', from), text.size());
    if (to > from) out.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

void check_values(CheckedArgs& checked) {
  const Args& args = checked.args;
  if (!args.container_id.empty() && !is_valid_name(args.container_id))
    checked.faults.push_back("CNI_CONTAINERID \"" + args.container_id +
                             "\" must begin with a letter or digit and hold only letters, digits, '_', '.' and '-'");
  if (!args.ifname.empty() && !is_valid_ifname(args.ifname))
    checked.faults.push_back("CNI_IFNAME \"" + args.ifname +
                             "\" must have 1 to 15 bytes, no '/', ':' or white space, and not be \".\" or \"..\"");
}

}  // namespace

std::string_view to_string(Command command) { return kCommands[static_cast<std::size_t>(command)].second; }

std::optional<Command> parse_command(std::string_view text) {
  for (const auto& [command, name] : kCommands)
    if (name == text) return command;
  return std::nullopt;
}

bool is_valid_name(std::string_view text) {
  if (text.empty() || !is_alphanumeric(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_valid_ifname(std::string_view text) {
  constexpr std::size_t kMaxLength = 15;  // IFNAMSIZ without its terminator
  constexpr std::string_view kForbidden = "/: \t\n\v\f\r";
  if (text.empty() || text.size() > kMaxLength || text == "." || text == "..") return false;
  return text.find_first_of(kForbidden) == std::string_view::npos;
}

Result<std::map<std::string, std::string>> parse_cni_args(std::string_view text,
                                                          std::span<const std::string_view> known) {
  std::map<std::string, std::string> all;
  while (!text.empty()) {
    const auto end = std::min(text.find(';'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;  // a trailing ';'
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0 || pair.find('=', equals + 1) != std::string_view::npos)
      return fail(kInvalidEnvironment, "CNI_ARGS: \"" + std::string(pair) + "\" is not KEY=VALUE");
    all[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
  }
  const auto ignore = all.find("IgnoreUnknown");  // a bool as the reference library reads it: 1 or true
  const bool ignore_unknown = ignore != all.end() && (ignore->second == "1" || ignore->second == "true" ||
                                                      ignore->second == "True" || ignore->second == "TRUE");
  std::string unknown;
  for (auto it = all.begin(); it != all.end();) {
    const bool is_known = std::ranges::find(known, it->first) != known.end();
    if (!is_known && it->first != "IgnoreUnknown") unknown += (unknown.empty() ? "" : ", ") + it->first;
    it = is_known ? std::next(it) : all.erase(it);
  }
  if (!unknown.empty() && !ignore_unknown)
    return fail(kInvalidEnvironment, "CNI_ARGS: unknown keys without IgnoreUnknown=1: " + unknown);
  return all;
}

CheckedArgs read_args(Command command, const Env& env, std::span<const std::string_view> known) {
  CheckedArgs checked;
  Args& args = checked.args;
  args.command = command;
  std::array<std::string, kVariables.size()> values;
  for (std::size_t i = 0; i < kVariables.size(); ++i) {
    if ((kVariables[i].used & bit(command)) == 0) continue;
    values[i] = env.getenv(kVariables[i].name).value_or("");  // empty counts as missing, as libcni sets them all
    if (values[i].empty() && (kVariables[i].required & bit(command)) != 0)
      checked.faults.push_back(std::string(kVariables[i].name) + " is missing");
  }
  args.container_id = std::move(values[0]);
  args.netns = std::move(values[1]);
  args.ifname = std::move(values[2]);
  args.path = split_path(values[3]);
  check_values(checked);
  if ((bit(command) & kAttachment) == 0) return checked;
  auto extra = parse_cni_args(env.getenv("CNI_ARGS").value_or(""), known);
  if (extra)
    args.extra = std::move(*extra);
  else if (command != Command::Del)  // DEL needs none of them, and must not be held up
    checked.faults.push_back(extra.error().message);
  return checked;
}

}  // namespace slash32::cni
