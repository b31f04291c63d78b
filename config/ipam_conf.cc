#include "config/ipam_conf.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/cni/runtime_config.h"
#include "config/spec_keys.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

constexpr std::int64_t kMaxCoolDown = 1200;  // seconds; longer starves small ranges

/// The address before; there is one, since callers never pass the family's first.
IpAddress before(const IpAddress& address) {
  std::vector<std::uint8_t> bytes(address.bytes().begin(), address.bytes().end());
  for (std::size_t i = bytes.size(); i-- > 0;)
    if (bytes[i]-- != 0) break;
  return IpAddress::from_bytes(bytes).value_or(address);
}

/// One "10.0.0.7" or "10.0.0.0/28" of `exclude`.
Result<Prefix> read_exclude(const JsonField& field) {
  const auto text = TRY(json::text(field));
  if (text.find('/') != std::string::npos) return json::prefix(field);
  return Prefix::host(TRY(json::ip_address(field)));
}

/// A bound of a range: inside the subnet.
Result<IpAddress> read_bound(const JsonField& range, const std::string& key, const Prefix& subnet, IpAddress fallback) {
  const auto address = TRY(range.optional(key, json::ip_address, fallback));
  if (!subnet.contains(address)) return range.child(key).bad("must lie in the subnet " + subnet.to_string());
  return address;
}

/// An address that nobody can ever get is a range that says "full" for ever.
Status check_not_used_up(const JsonField& field, const IpamRange& range) {
  if (has_address(range)) return ok();
  const auto place = field.child(!range.exclude.empty() ? "exclude" : "gateway");
  return place.bad("leaves no address of " + range.first.to_string() + " to " + range.last.to_string());
}

Result<IpamRange> read_range_keys(const JsonField& field) {
  const auto subnet = TRY(field.required("subnet", pod_range));
  IpamRange range = whole_range(subnet);
  range.first = TRY(read_bound(field, "rangeStart", subnet, range.first));
  range.last = TRY(read_bound(field, "rangeEnd", subnet, range.last));
  if (range.last < range.first)
    return (field.has("rangeEnd") ? field.child("rangeEnd") : field.child("rangeStart"))
        .bad("the range ends at " + range.last.to_string() + ", before it starts at " + range.first.to_string());
  range.exclude = TRY(field.optional("exclude", json::array_of(read_exclude), std::vector<Prefix>{}));
  for (std::size_t i = 0; i < range.exclude.size(); ++i)
    if (!subnet.overlaps(range.exclude[i]))
      return field.child("exclude").element(i).bad("must lie in the subnet " + subnet.to_string());
  if (field.has("gateway")) range.gateway = TRY(read_bound(field, "gateway", subnet, subnet.address()));
  TRY(check_not_used_up(field, range));
  return range;
}

Result<IpamRange> read_range(const JsonField& field) {
  TRY(field.only({"subnet", "rangeStart", "rangeEnd", "exclude", "gateway"}));
  return read_range_keys(field);
}

/// One of capability `ipRanges`. go-cni, which containerd uses, sends all fields of its struct under their Go names
/// ("RangeStart"), those that are not set as "": the case does not count, nor does what is empty.
Result<IpamRange> read_runtime_range(const JsonField& field) {
  TRY(field.is_object());
  auto usual = nlohmann::json::object();
  for (const char* key : {"subnet", "rangeStart", "rangeEnd", "exclude", "gateway"})
    if (const auto found = cni::find_ignoring_case(field, key); found && found->value() != "")
      usual[key] = found->value();
  return read_range_keys(JsonField(usual, field.pointer()));
}

Result<std::vector<IpamRange>> as_range_set(const JsonField& field, std::vector<IpamRange> set) {
  if (set.empty()) return field.bad("must have at least one range");
  for (std::size_t i = 1; i < set.size(); ++i)
    if (set[i].subnet.family() != set[0].subnet.family())
      return field.element(i).child("subnet").bad("the ranges of one set must be of one family");
  return set;
}

Result<std::vector<IpamRange>> read_range_set(const JsonField& field) {
  return as_range_set(field, TRY(field.each(read_range)));
}

/// A list of ranges as CONVENTIONS.md has it, or a single range: go-cni sends no list of lists.
Result<std::vector<IpamRange>> read_runtime_range_set(const JsonField& field) {
  if (field.value().is_object()) return std::vector{TRY(read_runtime_range(field))};
  return as_range_set(field, TRY(field.each(read_runtime_range)));
}

/// Two ranges that share an address would count it twice.
Status check_overlaps(const JsonField& field, const std::vector<IpamRange>& ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (ranges[i].subnet.family() == ranges[j].subnet.family() && ranges[i].first <= ranges[j].last &&
          ranges[j].first <= ranges[i].last)
        return field.bad("the range " + ranges[i].first.to_string() + " to " + ranges[i].last.to_string() +
                         " overlaps " + ranges[j].first.to_string() + " to " + ranges[j].last.to_string());
  return ok();
}

/// `ranges` [[{…}], …] in order; host-local's single `subnet` with its keys beside `type` comes first, as there.
Result<std::vector<IpamRange>> read_ranges(const JsonField& field) {
  std::vector<IpamRange> out;
  if (field.has("subnet")) {
    out.push_back(TRY(read_range_keys(field)));
  } else {
    for (const char* key : {"rangeStart", "rangeEnd", "exclude", "gateway"})
      if (field.has(key)) return field.child(key).bad("needs \"subnet\" beside it");
  }
  if (field.has("ranges")) {
    const auto sets = TRY(field.child("ranges").each(read_range_set));
    if (sets.empty()) return field.child("ranges").bad("is empty; leave it out to take node.json's podCidrs");
    for (const auto& set : sets) out.insert(out.end(), set.begin(), set.end());
  }
  TRY(check_overlaps(field.has("ranges") ? field.child("ranges") : field, out));
  return out;
}

Result<std::string> read_type(const JsonField& field) {
  auto type = TRY(json::text(field));
  if (type != kIpamType) return field.bad("must be \"" + std::string(kIpamType) + "\"");
  return type;
}

}  // namespace

bool IpamRange::contains(const IpAddress& address) const {
  if (address.family() != subnet.family() || address < first || last < address || address == gateway) return false;
  return std::ranges::none_of(exclude, [&](const Prefix& p) { return p.contains(address); });
}

bool has_address(const IpamRange& range) {
  auto taken = range.exclude;
  if (range.gateway) taken.push_back(Prefix::host(*range.gateway));
  std::ranges::sort(taken);  // by address: a nested one comes behind the one around it
  IpAddress next = range.first;
  for (const auto& prefix : taken) {
    if (prefix.last_address() < next) continue;
    if (next < prefix.address()) break;
    const auto behind = advance(prefix.last_address(), 1);
    if (!behind) return false;
    next = *behind;
  }
  return next <= range.last;
}

IpamRange whole_range(const Prefix& subnet) {
  IpamRange range{
      .subnet = subnet, .first = subnet.address(), .last = subnet.last_address(), .exclude = {}, .gateway = {}};
  if (subnet.length() + 1 >= subnet.address().bits()) return range;  // RFC 3021, RFC 6164: both are endpoints
  range.first = advance(range.first, 1).value_or(range.first);       // network; RFC 4291 section 2.6.1 subnet-router
  if (subnet.address().is_v4()) range.last = before(range.last);     // RFC 919 section 7: directed broadcast
  return range;
}

Result<IpamConf> read_ipam_conf(const JsonField& field, const std::filesystem::path& default_data_dir) {
  TRY(field.only({"type", "ranges", "subnet", "rangeStart", "rangeEnd", "exclude", "gateway", "routes", "dataDir",
                  "nodeFile", "coolDown"}));
  TRY(field.required("type", read_type));
  IpamConf conf;
  conf.ranges = TRY(read_ranges(field));
  conf.data_dir = TRY(field.optional("dataDir", json::absolute_path, default_data_dir.string()));
  conf.node_file = TRY(field.optional("nodeFile", json::absolute_path, conf.node_file.string()));
  conf.cool_down = std::chrono::seconds{
      TRY(field.optional("coolDown", json::integer<std::int64_t>(0, kMaxCoolDown), conf.cool_down.count()))};
  conf.routes = TRY(field.optional("routes", read_routes_conf, std::vector<cni::RouteConfig>{}));
  return conf;
}

Status use_ip_ranges(const JsonField& root, IpamConf& conf) {
  const auto runtime = cni::find_ignoring_case(root, "runtimeConfig");
  const auto field = runtime ? cni::find_ignoring_case(*runtime, "ipRanges") : std::nullopt;
  if (!field) return ok();
  if (auto configured = effective_ranges(conf))
    conf.ranges = std::move(*configured);
  else if (configured.error().code != cni::kTryAgainLater)  // there are none: the runtime's alone, then
    return fail(std::move(configured).error());
  std::vector<IpamRange> given;
  for (const auto& set : TRY(field->each(read_runtime_range_set))) given.insert(given.end(), set.begin(), set.end());
  std::erase_if(conf.ranges, [&](const IpamRange& range) {
    return std::ranges::any_of(given, [&](const IpamRange& g) { return g.subnet.family() == range.subnet.family(); });
  });
  conf.ranges.insert(conf.ranges.end(), given.begin(), given.end());
  return check_overlaps(*field, conf.ranges);
}

Result<std::vector<IpamRange>> effective_ranges(const IpamConf& conf) {
  if (!conf.ranges.empty()) return conf.ranges;
  const auto node = TRY(read_node_conf(conf.node_file));
  if (!node)
    return fail(cni::kTryAgainLater,
                "no ranges: /ipam/ranges is not given and " + conf.node_file.string() + " does not exist (yet)");
  std::vector<IpamRange> out;
  for (const auto& range : node->pod_cidrs) out.push_back(whole_range(range));
  if (out.empty()) return fail(cni::kTryAgainLater, "no ranges: " + conf.node_file.string() + ": /podCidrs is empty");
  return out;
}

IpamConf read_ipam_conf_leniently(const JsonField& root, const std::filesystem::path& default_data_dir) {
  IpamConf conf;
  conf.data_dir = default_data_dir;
  if (!root.has("ipam")) return conf;
  const auto field = root.child("ipam");
  if (field.has("dataDir"))
    if (auto path = json::absolute_path(field.child("dataDir"))) conf.data_dir = std::move(*path);
  if (field.has("coolDown"))
    if (const auto seconds = json::integer<std::int64_t>(0, kMaxCoolDown)(field.child("coolDown")))
      conf.cool_down = std::chrono::seconds{*seconds};
  return conf;
}

}  // namespace slash32::config
