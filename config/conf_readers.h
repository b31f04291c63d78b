// Readers of values that several sections of bgpd.json share. Each complains with the place and what was expected.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/community.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "common/strong.h"

namespace slash32::config {

/// 1 to 4294967295, but not 23456 (AS_TRANS stands for an AS that does not fit, RFC 6793 section 9; 0: RFC 7607).
Result<Asn> as_number(const JsonField& field);
/// A dotted quad that is not 0.0.0.0 (RFC 6286 section 2.1).
Result<RouterId> router_id(const JsonField& field);
/// "64512:100", or a well-known name such as "no-export".
Result<Community> community(const JsonField& field);
/// "64512:1:2" (RFC 8092 section 5).
Result<LargeCommunity> large_community(const JsonField& field);
/// "ipv4" or "ipv6".
Result<AddressFamily> address_family(const JsonField& field);

std::string print_community(Community community);
std::string print_large_community(const LargeCommunity& community);
std::string print_family(AddressFamily family);
std::string print_router_id(RouterId id);

/// One of several words, as its value.
template <class T>
auto one_of(std::vector<std::pair<std::string_view, T>> words) {
  return [words = std::move(words)](const JsonField& field) -> Result<T> {
    std::string known;
    for (const auto& [word, value] : words) {
      if (field.value().is_string() && field.value().get<std::string>() == word) return value;
      known += (known.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    }
    return field.bad("must be one of " + known);
  };
}

/// An array, or a single element in its place.
template <class Reader>
auto one_or_many(Reader read) {
  return [read = std::move(read)](const JsonField& field)
             -> Result<std::vector<typename std::invoke_result_t<Reader, const JsonField&>::value_type>> {
    if (field.value().is_array()) return field.each(read);
    std::vector<typename std::invoke_result_t<Reader, const JsonField&>::value_type> one;
    one.push_back(TRY(read(field)));
    return one;
  };
}

}  // namespace slash32::config
