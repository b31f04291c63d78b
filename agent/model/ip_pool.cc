#include "agent/model/ip_pool.h"

#include <algorithm>

#include "agent/model/fields.h"
#include "config/special_address.h"

namespace slash32::agent::model {
namespace {

/// Both ends of a range must be addresses a host can have.
Status check_ends(const JsonField& field, const AddressRange& range) {
  for (const auto& address : {range.first, range.last})
    if (const auto* special = config::special_around(Prefix::host(address)))
      return field.bad("must be unicast addresses; " + address.to_string() + " is " + std::string(special->text));
  return ok();
}

Result<AddressRange> read_range(const JsonField& field) {
  const auto text = TRY(json::text(field));
  AddressRange out;
  if (const auto dash = text.find('-'); dash != std::string::npos) {
    const auto first = IpAddress::parse(text.substr(0, dash));
    const auto last = IpAddress::parse(text.substr(dash + 1));
    if (!first || !last || first->family() != last->family() || *last < *first)
      return field.bad("must be \"FIRST-LAST\", two addresses of one family in order");
    out = {*first, *last};
  } else {
    const auto prefix = TRY(json::prefix(field));
    if (prefix.is_default()) return field.bad("must be longer than /0");
    out = {prefix.address(), prefix.last_address()};
  }
  TRY(check_ends(field, out));
  return out;
}

}  // namespace

std::vector<Prefix> AddressRange::prefixes() const {
  std::vector<Prefix> out;
  for (auto at = std::optional(first); at && *at <= last;) {
    std::uint8_t length = at->bits();
    // The shortest prefix that begins here and does not go beyond the range.
    while (length > 0) {
      const Prefix wider(*at, static_cast<std::uint8_t>(length - 1));
      if (wider.address() != *at || wider.last_address() > last) break;
      --length;
    }
    const Prefix prefix(*at, length);
    out.push_back(prefix);
    at = advance(prefix.last_address(), 1);
  }
  return out;
}

Result<IpPool> read_ip_pool(const nlohmann::json& object) {
  const JsonField root(object);
  IpPool out;
  out.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  out.addresses = TRY(spec.required("addresses", json::array_of(read_range)));
  out.auto_assign = TRY(read_or(spec, "autoAssign", json::boolean, out.auto_assign));
  out.enabled = TRY(read_or(spec, "enabled", json::boolean, out.enabled));
  out.priority = TRY(
      read_or(spec, "priority", json::integer<std::int32_t>(std::numeric_limits<std::int32_t>::min()), out.priority));
  out.services = TRY(read_or(spec, "serviceSelector", read_selector, out.services));
  out.namespaces = TRY(read_or(spec, "namespaces", names, out.namespaces));
  out.status.value = object.value("status", nlohmann::json());
  out.version.value = version_of(object);
  return out;
}

}  // namespace slash32::agent::model
