#include "config/policy_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "config/conf_readers.h"

namespace slash32::config {
namespace {

using Administrator = ExtendedCommunityPattern::Administrator;

constexpr std::uint32_t kAny32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kAny16 = 0xFFFF;
constexpr std::size_t kMaxChoices = 16;  // of one word: an AS_PATH of thousands of ASes asks each of them

// RFC 4360 sections 3.1, 3.2 and RFC 5668: the layouts of a type.
constexpr std::uint8_t kTwoOctetAs = 0, kIpv4Address = 1, kFourOctetAs = 2;
constexpr std::uint8_t kRouteTarget = 2, kRouteOrigin = 3;

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t limit) {
  std::uint32_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool padded = text.size() > 1 && text.front() == '0';  // RFC 8092 section 5: no leading zeros
  if (error != std::errc{} || end != text.data() + text.size() || padded || out > limit) return std::nullopt;
  return out;
}

/// "*", "5" or "5-9", each number at most `limit`.
std::optional<NumberRange> range(std::string_view text, std::uint32_t limit) {
  if (text == "*") return NumberRange{};
  const auto dash = text.find('-');
  const auto low = number(text.substr(0, dash), limit);
  const auto high = dash == std::string_view::npos ? low : number(text.substr(dash + 1), limit);
  if (!low || !high || *low > *high) return std::nullopt;
  return NumberRange{*low, *high};
}

std::string print(const NumberRange& range) {
  if (range == NumberRange{}) return "*";
  if (range.low == range.high) return std::to_string(range.low);
  return std::to_string(range.low) + "-" + std::to_string(range.high);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (std::size_t from = 0;;) {
    const auto to = text.find(separator, from);
    out.push_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return out;
    from = to + 1;
  }
}

std::uint32_t four(const ExtendedCommunity& c, std::size_t at) {
  return std::uint32_t{c[at]} << 24 | std::uint32_t{c[at + 1]} << 16 | std::uint32_t{c[at + 2]} << 8 | c[at + 3];
}
std::uint32_t two(const ExtendedCommunity& c, std::size_t at) { return std::uint32_t{c[at]} << 8 | c[at + 1]; }

void put(ExtendedCommunity& out, std::size_t at, std::size_t size, std::uint32_t value) {
  for (std::size_t i = 0; i < size; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
}

std::string hex(const ExtendedCommunity& community) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "0x";
  for (const std::uint8_t octet : community) {
    out += kDigits[octet >> 4];
    out += kDigits[octet & 0xF];
  }
  return out;
}

std::optional<ExtendedCommunity> from_hex(std::string_view text) {
  constexpr std::size_t kDigits = 16;
  if (!text.starts_with("0x") || text.size() != 2 + kDigits) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  ExtendedCommunity out{};
  put(out, 0, 4, static_cast<std::uint32_t>(value >> 32));
  put(out, 4, 4, static_cast<std::uint32_t>(value));
  return out;
}

/// "rt:ADMINISTRATOR:VALUE" or "ro:…", with ranges.
std::optional<ExtendedCommunityPattern> from_parts(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3 || (parts[0] != "rt" && parts[0] != "ro")) return std::nullopt;
  ExtendedCommunityPattern out;
  out.subtype = parts[0] == "rt" ? kRouteTarget : kRouteOrigin;
  std::uint32_t limit = kAny32;
  if (const auto address = IpAddress::parse(parts[1]); address && address->is_v4()) {
    out.kind = Administrator::Address;
    out.administrator = {address->v4_value(), address->v4_value()};
    limit = kAny16;
  } else {
    const auto asns = range(parts[1], kAny32);
    if (!asns) return std::nullopt;
    out.kind = *asns == NumberRange{} ? Administrator::Any : Administrator::Asn;
    out.administrator = *asns;
    if (asns->low > kAny16) limit = kAny16;  // RFC 5668: four octets of AS leave two for the value
  }
  const auto value = range(parts[2], limit);
  if (!value) return std::nullopt;
  out.value = *value;
  return out;
}

constexpr const char* kExtendedForms =
    "\"rt:AS:VALUE\", \"ro:AS:VALUE\" (with an IPv4 address or an AS above 65535 the value is at most 65535), or eight "
    "octets as \"0x0002fde800000064\" (RFC 4360)";

}  // namespace

// ---------------------------------------------------------------- what matches

bool CommunityPattern::matches(Community community) const {
  return asn.contains(community >> 16) && value.contains(community & kAny16);
}

bool LargeCommunityPattern::matches(const LargeCommunity& community) const {
  return global.contains(community.global) && local1.contains(community.local1) && local2.contains(community.local2);
}

bool ExtendedCommunityPattern::matches(const ExtendedCommunity& community) const {
  if (exact) return community == *exact;
  if (community[1] != subtype) return false;
  switch (community[0]) {  // transitive ones: RFC 4360 section 6 keeps the others in their AS
    case kTwoOctetAs:
      return kind != Administrator::Address && administrator.contains(two(community, 2)) &&
             value.contains(four(community, 4));
    case kIpv4Address:
      return kind != Administrator::Asn && administrator.contains(four(community, 2)) &&
             value.contains(two(community, 6));
    case kFourOctetAs:
      return kind != Administrator::Address && administrator.contains(four(community, 2)) &&
             value.contains(two(community, 6));
    default:
      return false;
  }
}

// ---------------------------------------------------------------- readers

Result<CommunityPattern> community_pattern(const JsonField& field) {
  const auto text = TRY(json::text(field));
  const auto parts = split(text, ':');
  if (parts.size() == 2) {
    const auto asn = range(parts[0], kAny16), value = range(parts[1], kAny16);
    if (asn && value) return CommunityPattern{*asn, *value};
    return field.bad("must be \"AS:VALUE\": each a number from 0 to 65535, a range as in \"100-199\", or \"*\"");
  }
  const Community one = TRY(community(field));
  return CommunityPattern{{one >> 16, one >> 16}, {one & kAny16, one & kAny16}};
}

Result<LargeCommunityPattern> large_community_pattern(const JsonField& field) {
  const auto text = TRY(json::text(field));
  const auto parts = split(text, ':');
  std::vector<NumberRange> ranges;
  for (const auto part : parts)
    if (const auto one = range(part, kAny32)) ranges.push_back(*one);
  if (parts.size() != 3 || ranges.size() != 3)
    return field.bad("must be \"A:B:C\": each a number from 0 to 4294967295, a range as in \"1-9\", or \"*\"");
  return LargeCommunityPattern{ranges[0], ranges[1], ranges[2]};
}

Result<ExtendedCommunityPattern> extended_community_pattern(const JsonField& field) {
  const auto text = TRY(json::text(field));
  if (const auto exact = from_hex(text)) {
    ExtendedCommunityPattern out;
    out.exact = exact;
    return out;
  }
  const auto pattern = from_parts(text);
  if (!pattern)
    return field.bad(std::string("must be ") + kExtendedForms + "; numbers may be ranges as in \"1-9\", or \"*\"");
  return *pattern;
}

Result<ExtendedCommunity> extended_community(const JsonField& field) {
  const auto text = TRY(json::text(field));
  if (const auto exact = from_hex(text)) return *exact;
  const auto pattern = from_parts(text);
  const auto single = [](const NumberRange& r) { return r.low == r.high; };
  if (!pattern || pattern->kind == Administrator::Any || !single(pattern->administrator) || !single(pattern->value))
    return field.bad(std::string("must be ") + kExtendedForms);
  const auto administrator = pattern->administrator.low;
  const bool is_address = pattern->kind == Administrator::Address;
  ExtendedCommunity out{};
  out[1] = pattern->subtype;
  if (!is_address && administrator <= kAny16) {
    out[0] = kTwoOctetAs;
    put(out, 2, 2, administrator);
    put(out, 4, 4, pattern->value.low);
    return out;
  }
  out[0] = is_address ? kIpv4Address : kFourOctetAs;
  put(out, 2, 4, administrator);
  put(out, 6, 2, pattern->value.low);
  return out;
}

Result<AsPathPattern> as_path_pattern(const JsonField& field) {
  const auto text = TRY(json::text(field));
  AsPathPattern out;
  if (text.empty()) return out;
  for (auto word : split(text, ' ')) {
    AsPathElement element;
    element.any_sequence = word == "*";
    if (!element.any_sequence && word.ends_with('+')) {
      element.repeated = true;
      word.remove_suffix(1);
    }
    if (!element.any_sequence && word != "?") {
      for (const auto choice : split(word, '|')) {
        const auto asns = choice == "*" ? std::nullopt : range(choice, kAny32);
        if (!asns)
          return field.bad(
              "\"" + std::string(word) +
              "\" is not \"*\" (any ASes, also none), \"?\" (one AS), an AS, a range as in \"65000-65010\" "
              "or a choice as in \"65000|65002\", with \"+\" behind it for several in a row");
        element.choices.push_back(*asns);
      }
    }
    if (element.choices.size() > kMaxChoices)
      return field.bad("has more than " + std::to_string(kMaxChoices) + " choices in one word");
    out.elements.push_back(std::move(element));
  }
  if (out.elements.size() > AsPathPattern::kMaxElements)
    return field.bad("has more than " + std::to_string(AsPathPattern::kMaxElements) + " words");
  return out;
}

// ---------------------------------------------------------------- printers

std::string print_community_pattern(const CommunityPattern& pattern) {
  const auto single = [](const NumberRange& r) { return r.low == r.high; };
  if (single(pattern.asn) && single(pattern.value)) return print_community(pattern.asn.low << 16 | pattern.value.low);
  return print(pattern.asn) + ":" + print(pattern.value);
}

std::string print_large_community_pattern(const LargeCommunityPattern& pattern) {
  return print(pattern.global) + ":" + print(pattern.local1) + ":" + print(pattern.local2);
}

std::string print_extended_community(const ExtendedCommunity& c) {
  const bool target = c[1] == kRouteTarget;
  if (!target && c[1] != kRouteOrigin) return hex(c);
  const std::string kind = target ? "rt:" : "ro:";
  if (c[0] == kTwoOctetAs) return kind + std::to_string(two(c, 2)) + ":" + std::to_string(four(c, 4));
  if (c[0] == kIpv4Address) return kind + IpAddress::v4(four(c, 2)).to_string() + ":" + std::to_string(two(c, 6));
  // An AS that fits two octets in the form for four (RFC 5668 section 2) would read back as another community.
  if (c[0] == kFourOctetAs && four(c, 2) > kAny16)
    return kind + std::to_string(four(c, 2)) + ":" + std::to_string(two(c, 6));
  return hex(c);
}

std::string print_extended_community_pattern(const ExtendedCommunityPattern& pattern) {
  if (pattern.exact) return hex(*pattern.exact);
  const std::string administrator = pattern.kind == Administrator::Address
                                        ? IpAddress::v4(pattern.administrator.low).to_string()
                                        : print(pattern.administrator);
  return (pattern.subtype == kRouteTarget ? "rt:" : "ro:") + administrator + ":" + print(pattern.value);
}

std::string print_as_path_pattern(const AsPathPattern& pattern) {
  std::string out;
  for (const AsPathElement& element : pattern.elements) {
    if (!out.empty()) out += ' ';
    std::string word = element.any_sequence ? "*" : element.choices.empty() ? "?" : "";
    for (const NumberRange& choice : element.choices) {
      if (!word.empty()) word += '|';
      word += choice == NumberRange{} ? "0-4294967295" : print(choice);  // "*" is another word here
    }
    out += word + (element.repeated ? "+" : "");
  }
  return out;
}

}  // namespace slash32::config
