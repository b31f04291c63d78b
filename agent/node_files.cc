#include "agent/node_files.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "common/fd.h"
#include "common/json_field.h"
#include "config/node_conf.h"

namespace slash32::agent {
namespace {

namespace fs = std::filesystem;

fs::path ranges_file(const Options& options) { return options.state_dir / "pod-ranges.json"; }
fs::path facts_file(const Options& options) { return options.node_file.parent_path() / "node-facts.json"; }

Result<plan::DefaultGateway> gateway(const JsonField& field) {
  return plan::DefaultGateway{.address = TRY(field.required("address", json::ip_address)),
                              .interface = TRY(field.required("interface", json::non_empty_text))};
}

Result<NodeFacts::Way> way(const JsonField& field) {
  NodeFacts::Way out;
  out.gateways = TRY(field.required("gateways", json::array_of(gateway)));
  if (const auto mtu = TRY(field.maybe("mtu", json::integer<std::uint32_t>(1)))) out.mtu = Mtu{*mtu};
  return out;
}

}  // namespace

Result<bool> write_if_changed(const fs::path& path, std::string_view text, unsigned mode) {
  const auto there = read_file_if_there(path);
  if (there && *there && **there == text) return false;
  TRY(make_directories(path.parent_path()));
  TRY(write_atomic(path, text, mode));
  return true;
}

Result<bool> write_secrets(const std::map<std::string, std::string>& wanted) {
  bool changed = false;
  for (const auto& [path, text] : wanted) {
    TRY(make_directories(fs::path(path).parent_path(), 0700));
    if (TRY(write_if_changed(path, text, 0600))) changed = true;
  }
  return changed;
}

Status sweep_secrets(const fs::path& directory, const std::map<std::string, std::string>& wanted) {
  std::error_code error;
  std::vector<fs::path> unwanted;
  std::set<fs::path> kept;  // "DIR//a" is "DIR/a"
  for (const auto& [path, text] : wanted) kept.insert(fs::path(path).lexically_normal());
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->is_regular_file(error) && !kept.contains(at->path().lexically_normal())) unwanted.push_back(at->path());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(5, "read " + directory.string() + ": " + error.message());
  for (const auto& path : unwanted)
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return sys_fail("remove " + path.string());
  return ok();
}

fs::path copy_of_node_file(const Options& options) { return options.state_dir / "node.json"; }

Result<bool> restore_node_file(const Options& options) {
  if (TRY(read_file_if_there(options.node_file))) return false;
  const auto copy = TRY(read_file_if_there(copy_of_node_file(options)));
  if (!copy) return false;
  if (auto good = config::parse_node_conf(*copy); !good)  // not one byte of a damaged file becomes a pod's address
    return fail(in(copy_of_node_file(options).string(), std::move(good).error()));
  return write_if_changed(options.node_file, *copy);
}

Status plugins_in_place(const Options& options) {
  for (const char* name : {"slash32", "slash32-ipam"}) {
    const auto path = options.cni_bin_dir / name;
    if (::access(path.c_str(), X_OK) != 0) return sys_fail(path.string());
  }
  return ok();
}

Result<std::optional<fs::path>> network_before(const fs::path& conflist) {
  static const std::set<std::string> kTaken = {".conf", ".conflist", ".json"};  // by libcni
  std::optional<fs::path> first;
  std::error_code error;
  for (fs::directory_iterator at(conflist.parent_path(), error), end; !error && at != end; at.increment(error)) {
    const auto& path = at->path();
    if (!kTaken.contains(path.extension().string()) || path.filename() >= conflist.filename()) continue;
    if (!first || path < *first) first = path;
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(5, conflist.parent_path().string() + ": " + error.message());
  return first;
}

Result<std::vector<Prefix>> read_ranges(const Options& options) {
  const auto path = ranges_file(options);
  const auto text = TRY(read_file_if_there(path));
  if (!text) return std::vector<Prefix>{};
  const auto document = parse_json(*text);
  if (!document) return fail(in(path.string(), document.error()));
  auto ranges = JsonField(*document).each(json::prefix);
  if (!ranges) return fail(in(path.string(), std::move(ranges).error()));
  return ranges;
}

Status write_ranges(const Options& options, const std::vector<Prefix>& ranges) {
  auto document = nlohmann::json::array();
  for (const auto& range : ranges) document.push_back(range.to_string());
  const auto written = write_if_changed(ranges_file(options), document.dump() + "\n");
  return written ? ok() : Status(std::unexpected(written.error()));
}

Result<NodeFacts> read_facts(const Options& options) {
  const auto path = facts_file(options);
  const auto text = TRY(read_file_if_there(path));
  if (!text) return NodeFacts{};
  const auto document = parse_json(*text);
  if (!document) return fail(in(path.string(), document.error()));
  NodeFacts out;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    auto read = JsonField(*document).maybe(std::string(to_string(family)), way);
    if (!read) return fail(in(path.string(), std::move(read).error()));
    if (*read) out.ways.emplace(family, **std::move(read));
  }
  return out;
}

Status write_facts(const Options& options, const NodeFacts& facts) {
  auto document = nlohmann::json::object();
  for (const auto& [family, way] : facts.ways) {
    auto& one = document[std::string(to_string(family))];
    one["gateways"] = nlohmann::json::array();
    for (const auto& [address, interface] : way.gateways)
      one["gateways"].push_back({{"address", address.to_string()}, {"interface", interface}});
    if (way.mtu) one["mtu"] = way.mtu->value;
  }
  const auto written = write_if_changed(facts_file(options), document.dump() + "\n");
  return written ? ok() : Status(std::unexpected(written.error()));
}

}  // namespace slash32::agent
