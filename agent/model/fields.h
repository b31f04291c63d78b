// How objects of the API are read: what is absent may also be null, what we do not know is passed over, and what has a
// wrong type is an error with its place.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/meta.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "config/conf_readers.h"

namespace slash32::agent::model {

/// The child `key`, unless it is absent or null: the API writes both for nothing. `field` must be an object.
inline std::optional<JsonField> find(const JsonField& field, const std::string& key) {
  if (!field.has(key) || field.value().at(key).is_null()) return std::nullopt;
  return field.child(key);
}

/// The child as `read` reads it, or `fallback`.
template <class Reader, class T>
auto read_or(const JsonField& field, const std::string& key, const Reader& read, T fallback)
    -> std::invoke_result_t<Reader, const JsonField&> {
  const auto child = find(field, key);
  if (!child) return fallback;
  return read(*child);
}

/// The child as `read` reads it, or nothing.
template <class Reader>
auto read_maybe(const JsonField& field, const std::string& key, const Reader& read)
    -> Result<std::optional<typename std::invoke_result_t<Reader, const JsonField&>::value_type>> {
  using T = typename std::invoke_result_t<Reader, const JsonField&>::value_type;
  const auto child = find(field, key);
  if (!child) return std::optional<T>{};
  auto got = read(*child);
  if (!got) return std::unexpected(std::move(got).error());
  return std::optional<T>{std::move(*got)};
}

/// An object of the API that may be absent; then, an empty one. `holder` must outlive what is returned.
Result<JsonField> section(const JsonField& holder, const std::string& key);

/// {"app": "web"}.
Result<Labels> labels(const JsonField& field);
/// ["10.0.0.0/8"]: prefixes without host bits.
Result<std::vector<Prefix>> prefixes(const JsonField& field);
Result<std::vector<IpAddress>> addresses(const JsonField& field);
/// ["web", "db"], none of them empty.
Result<std::vector<std::string>> names(const JsonField& field);
/// Addresses with commas between them, as annotations have them: "10.0.0.1, fd00::1".
Result<std::vector<IpAddress>> address_list(const std::string& text);

}  // namespace slash32::agent::model
