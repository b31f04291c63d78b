// A JSON value together with its JSON pointer, so that every complaint names its place:
//   bgpd.json: /neighbors/2/holdTime: must be 0 or at least 3 (RFC 4271 section 4.2)
// Readers are functions `Result<T>(const JsonField&)`. A value that is absent is told from one that is null.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/ip.h"
#include "common/result.h"

namespace slash32 {

/// Parses a document; a syntax error names line and column, a repeated key its place (RFC 8259 section 4 leaves open
/// which one counts; we refuse). CNI code 6.
Result<nlohmann::json> parse_json(std::string_view text);

/// A document in which the last of repeated keys counted, as most parsers have it.
struct LenientDocument {
  nlohmann::json value;
  std::vector<std::string> repeated;  // "/ipam/dataDir: occurs twice in one object"
};
/// The same for a reader whom repeated keys must not hold up.
Result<LenientDocument> parse_json_leniently(std::string_view text);

/// Borrowed: the document must outlive the field.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string pointer) : value_(&value), pointer_(std::move(pointer)) {}
  /// The root of a document.
  explicit JsonField(const nlohmann::json& value) : JsonField(value, "") {}

  const nlohmann::json& value() const { return *value_; }
  /// "" for the root, else "/neighbors/2/holdTime".
  const std::string& pointer() const { return pointer_; }
  bool has(const std::string& key) const { return value_->is_object() && value_->contains(key); }

  /// An error about this place. CNI code 7: invalid network config. Of a long complaint the middle is left out.
  Error bad_error(const std::string& complaint) const;
  std::unexpected<Error> bad(const std::string& complaint) const { return fail(bad_error(complaint)); }
  /// "/neighbors/1/remoteAs: is missing": an error about the place where a child should be.
  Error missing_error(const std::string& key) const;
  std::unexpected<Error> missing(const std::string& key) const { return fail(missing_error(key)); }

  /// The value must be an object with no other keys than these. Keys that begin with "x-" or "_" are comments.
  Status only(std::initializer_list<std::string_view> keys) const;
  Status is_object() const;

  /// A child that must exist and not be null.
  template <class Reader>
  auto required(const std::string& key, const Reader& read) const -> std::invoke_result_t<Reader, const JsonField&> {
    if (!value_->is_object()) return bad("must be an object");
    if (!has(key)) return missing(key);
    if (value_->at(key).is_null()) return child(key).bad("must not be null");
    return read(child(key));
  }
  /// A child, or `fallback` when it does not exist.
  template <class Reader, class T>
  auto optional(const std::string& key, const Reader& read, T fallback) const
      -> std::invoke_result_t<Reader, const JsonField&> {
    if (!has(key)) return fallback;
    return read(child(key));
  }
  /// A child, or nothing when it does not exist.
  template <class Reader>
  auto maybe(const std::string& key, const Reader& read) const
      -> Result<std::optional<typename std::invoke_result_t<Reader, const JsonField&>::value_type>> {
    using T = typename std::invoke_result_t<Reader, const JsonField&>::value_type;
    if (!has(key)) return std::optional<T>{};
    auto got = read(child(key));
    if (!got) return std::unexpected(std::move(got).error());
    return std::optional<T>{std::move(*got)};
  }
  /// Every element of an array.
  template <class Reader>
  auto each(const Reader& read) const
      -> Result<std::vector<typename std::invoke_result_t<Reader, const JsonField&>::value_type>> {
    std::vector<typename std::invoke_result_t<Reader, const JsonField&>::value_type> out;
    if (!value_->is_array()) return bad("must be an array");
    for (std::size_t i = 0; i < value_->size(); ++i) {
      auto got = read(element(i));
      if (!got) return std::unexpected(std::move(got).error());
      out.push_back(std::move(*got));
    }
    return out;
  }
  /// A child that must exist (call has() first).
  JsonField child(const std::string& key) const;
  JsonField element(std::size_t index) const { return {value_->at(index), pointer_ + "/" + std::to_string(index)}; }

 private:
  const nlohmann::json* value_;
  std::string pointer_;
};

namespace json {  // readers

Result<std::string> text(const JsonField& field);
Result<std::string> non_empty_text(const JsonField& field);
/// A text for people: no control characters, at most 1024 bytes.
Result<std::string> line(const JsonField& field);
Result<bool> boolean(const JsonField& field);
Result<IpAddress> ip_address(const JsonField& field);
Result<Prefix> prefix(const JsonField& field);
/// A path from the root that the kernel can take: no zero byte, at most 4095 bytes (PATH_MAX).
Result<std::string> absolute_path(const JsonField& field);
Result<std::int64_t> integer_between(const JsonField& field, std::int64_t low, std::int64_t high);
Result<std::vector<std::string>> texts(const JsonField& field);

/// A reader of integers from `low` to `high`, both included.
template <std::integral T>
auto integer(T low = 0, T high = std::numeric_limits<T>::max()) {
  return [low, high](const JsonField& field) -> Result<T> {
    auto got = integer_between(field, static_cast<std::int64_t>(low), static_cast<std::int64_t>(high));
    if (!got) return std::unexpected(std::move(got).error());
    return static_cast<T>(*got);
  };
}
/// A reader of arrays whose elements `read` reads.
template <class Reader>
auto array_of(Reader read) {
  return [read = std::move(read)](const JsonField& field) { return field.each(read); };
}

}  // namespace json
}  // namespace slash32
