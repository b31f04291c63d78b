#include "common/cni/runtime_config.h"

#include <algorithm>
#include <cstddef>

#include "common/cni/error.h"

namespace slash32::cni {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

/// The child of exactly this name. Nothing when there is none or it is null.
std::optional<JsonField> find_exactly(const JsonField& object, const std::string& key) {
  if (!object.value().is_object() || !object.has(key)) return std::nullopt;
  auto field = object.child(key);
  return field.value().is_null() ? std::nullopt : std::optional(std::move(field));
}

/// The value of capability NAME, else of args.cni.NAME: people write that one, in the convention's own case. A
/// capability that is an empty list or text asks for nothing.
std::optional<JsonField> requested(const JsonField& config, const std::string& name) {
  if (const auto runtime = find_ignoring_case(config, "runtimeConfig"))
    if (auto value = find_ignoring_case(*runtime, name); value && value->value() != "" && !value->value().empty())
      return value;
  if (const auto args = find_exactly(config, "args"))
    if (const auto cni = find_exactly(*args, "cni")) return find_exactly(*cni, name);
  return std::nullopt;
}

/// "10.0.0.7" or "10.0.0.7/24".
Result<IpAddress> address_of(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) TRY(Prefix::parse(text, /*mask_host_bits=*/true));
  return IpAddress::parse(text.substr(0, slash));
}

Result<IpAddress> read_address(const JsonField& field) {
  const auto address = address_of(TRY(json::text(field)));
  if (!address) return field.bad(address.error().message);
  return *address;
}

/// "one address of each family" holds.
bool has_repeated_family(const std::vector<IpAddress>& addresses) {
  return std::ranges::count_if(addresses, &IpAddress::is_v4) > 1 ||
         std::ranges::count_if(addresses, &IpAddress::is_v6) > 1;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f'); }

/// Six pairs of hexadecimal digits, parted by ':' or '-'; a station's own address.
Result<std::string> mac_of(std::string_view text) {
  std::string out;
  bool good = text.size() == 17;
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const bool separator = i % 3 == 2;
    good = separator ? text[i] == ':' || text[i] == '-' : is_hex(text[i]);
    out += separator ? ':' : lower(text[i]);
  }
  if (!good) return fail(kInvalidConfig, "\"" + std::string(text) + "\" is not a MAC address");
  constexpr std::string_view kOddDigits = "13579bdf";  // IEEE 802: the lowest bit of the first octet marks a group
  if (kOddDigits.find(out[1]) != std::string_view::npos || out == "00:00:00:00:00:00")
    return fail(kInvalidConfig, "\"" + std::string(text) + "\" cannot be an interface's MAC address");
  return out;
}

/// Addresses parted by commas, with or without spaces around them.
Result<std::vector<IpAddress>> addresses_in(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  std::vector<IpAddress> addresses;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    auto word = text.substr(0, end);
    word.remove_prefix(std::min(word.find_first_not_of(kSpace), word.size()));
    word = word.substr(0, word.find_last_not_of(kSpace) + 1);
    addresses.push_back(TRY(address_of(word)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (has_repeated_family(addresses)) return fail(kInvalidConfig, "at most one address of each family");
  return addresses;
}

/// What the pod's annotation asks for. Annotations are the users' own names: their case counts, and what is not a text
/// is none of ours.
Result<std::vector<IpAddress>> annotated_addresses(const JsonField& config) {
  const auto runtime = find_ignoring_case(config, "runtimeConfig");
  const auto annotations = runtime ? find_ignoring_case(*runtime, kPodAnnotations) : std::nullopt;
  const std::string key(kIpAnnotation);
  if (!annotations || !annotations->has(key)) return std::vector<IpAddress>{};
  const auto field = annotations->child(key);
  if (!field.value().is_string()) return std::vector<IpAddress>{};
  const auto text = TRY(json::text(field));
  auto addresses = addresses_in(text);
  if (!addresses) return field.bad(addresses.error().message);
  return addresses;
}

std::string list_text(const std::map<std::string, std::string>& args, const char* key) {
  const auto it = args.find(key);
  return it == args.end() ? "" : it->second;
}

Result<Attachment> read_attachment(const JsonField& field) {
  TRY(field.is_object());
  return Attachment{.container_id = TRY(field.required("containerID", json::non_empty_text)),
                    .ifname = TRY(field.required("ifname", json::non_empty_text))};
}

}  // namespace

std::optional<JsonField> find_ignoring_case(const JsonField& object, std::string_view key) {
  if (!object.value().is_object()) return std::nullopt;
  std::string found;
  for (const auto& [name, value] : object.value().items()) {
    if (value.is_null() || !equal_ignoring_case(name, key)) continue;
    if (found.empty() || name == key) found = name;
  }
  if (found.empty()) return std::nullopt;
  return object.child(found);
}

Result<std::vector<IpAddress>> requested_addresses(const JsonField& config,
                                                   const std::map<std::string, std::string>& cni_args) {
  if (const auto field = requested(config, "ips")) {
    auto addresses = TRY(field->each(read_address));
    if (has_repeated_family(addresses)) return field->bad("at most one address of each family");
    if (!addresses.empty()) return addresses;
  }
  const auto text = list_text(cni_args, "IP");
  const auto addresses = addresses_in(text);
  if (!addresses) return fail(kInvalidEnvironment, "CNI_ARGS: IP: " + addresses.error().message);
  if (!addresses->empty()) return addresses;
  return annotated_addresses(config);
}

Result<std::optional<std::string>> requested_mac(const JsonField& config,
                                                 const std::map<std::string, std::string>& cni_args) {
  if (const auto field = requested(config, "mac")) {
    const auto text = TRY(json::text(*field));
    if (!text.empty()) {
      const auto mac = mac_of(text);
      if (!mac) return field->bad(mac.error().message);
      return std::optional<std::string>{*mac};
    }
  }
  const auto text = list_text(cni_args, "MAC");
  if (text.empty()) return std::optional<std::string>{};
  const auto mac = mac_of(text);
  if (!mac) return fail(kInvalidEnvironment, "CNI_ARGS: MAC: " + mac.error().message);
  return std::optional<std::string>{*mac};
}

Result<Dns> requested_dns(const JsonField& config) {
  Dns out;
  const auto runtime = find_ignoring_case(config, "runtimeConfig");
  const auto dns = runtime ? find_ignoring_case(*runtime, "dns") : std::nullopt;
  if (!dns) return out;
  TRY(dns->is_object());
  const auto texts = [&](std::string_view key) -> Result<std::vector<std::string>> {
    const auto field = find_ignoring_case(*dns, key);
    if (!field) return std::vector<std::string>{};
    return field->each(json::text);
  };
  out.nameservers = TRY(texts("servers"));
  out.search = TRY(texts("searches"));
  out.options = TRY(texts("options"));
  return out;
}

Result<std::optional<std::vector<Attachment>>> valid_attachments(const JsonField& config) {
  constexpr const char* kNames[] = {"cni.dev/valid-attachments", "cni.dev/attachments"};
  std::vector<Attachment> out;
  bool given = false;
  for (const char* name : kNames) {
    if (!config.has(name)) continue;
    given = true;
    const auto field = config.child(name);
    if (field.value().is_null()) continue;  // Go's nil slice: nothing is attached
    const auto some = TRY(field.each(read_attachment));
    out.insert(out.end(), some.begin(), some.end());
  }
  if (!given) return std::optional<std::vector<Attachment>>{};
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return std::optional{std::move(out)};
}

}  // namespace slash32::cni
