#include "agent/model/fields.h"

#include <algorithm>

namespace slash32::agent::model {

Result<JsonField> section(const JsonField& holder, const std::string& key) {
  static const nlohmann::json kEmpty = nlohmann::json::object();
  const auto child = find(holder, key);
  if (!child) return JsonField(kEmpty, holder.pointer() + "/" + key);
  TRY(child->is_object());
  return *child;
}

Result<Labels> labels(const JsonField& field) {
  TRY(field.is_object());
  Labels out;
  for (const auto& [key, value] : field.value().items()) {
    if (value.is_null()) continue;
    out.emplace(key, TRY(json::text(field.child(key))));
  }
  return out;
}

Result<std::vector<Prefix>> prefixes(const JsonField& field) { return field.each(json::prefix); }

Result<std::vector<IpAddress>> addresses(const JsonField& field) { return field.each(json::ip_address); }

Result<std::vector<std::string>> names(const JsonField& field) { return field.each(json::non_empty_text); }

Result<std::vector<IpAddress>> address_list(const std::string& text) {
  std::vector<IpAddress> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    auto word = text.substr(at, comma - at);
    at = comma + 1;
    const auto first = word.find_first_not_of(' ');
    if (first == std::string::npos) return fail(7, "must be addresses with commas between them");
    word = word.substr(first, word.find_last_not_of(' ') - first + 1);
    out.push_back(TRY(IpAddress::parse(word)));
  }
  return out;
}

}  // namespace slash32::agent::model
