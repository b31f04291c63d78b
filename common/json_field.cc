#include "common/json_field.h"

#include <algorithm>
#include <set>

namespace slash32 {
namespace {

/// Builds the document and remembers the first repeated key and the first syntax error, with its place.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  nlohmann::json document;
  std::string complaint;

  bool null() override { return put(nullptr); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(number_integer_t v) override { return put(v); }
  bool number_unsigned(number_unsigned_t v) override { return put(v); }
  bool number_float(number_float_t v, const string_t&) override { return put(v); }
  bool string(string_t& v) override { return put(std::move(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(nlohmann::json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(nlohmann::json::array()); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    if (open_.back()->contains(v)) {
      complaint = "key \"" + v + "\" occurs twice in one object";
      return false;
    }
    key_ = std::move(v);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..." without the library's own prefix
    complaint = e.what();
    if (const auto end = complaint.find("] "); end != std::string::npos) complaint.erase(0, end + 2);
    return false;
  }

 private:
  static constexpr std::size_t kMaxDepth = 64;  // deeper documents are an attack on the stack, not a configuration

  nlohmann::json* place(nlohmann::json value) {
    if (open_.empty()) {
      document = std::move(value);
      return &document;
    }
    nlohmann::json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }
  bool put(nlohmann::json value) {
    place(std::move(value));
    return true;
  }
  bool open(nlohmann::json value) {
    if (open_.size() >= kMaxDepth) {
      complaint = "nested more than " + std::to_string(kMaxDepth) + " levels deep";
      return false;
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<nlohmann::json*> open_;
  std::string key_;
};

std::string escape(const std::string& key) {  // RFC 6901 section 3
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return fail(6, "not JSON: " + builder.complaint);
  return std::move(builder.document);
}

JsonField JsonField::child(const std::string& key) const { return {value_->at(key), pointer_ + "/" + escape(key)}; }

Status JsonField::is_object() const {
  if (!value_->is_object()) return bad("must be an object");
  return ok();
}

Status JsonField::only(std::initializer_list<std::string_view> keys) const {
  TRY(is_object());
  for (const auto& [key, value] : value_->items()) {
    if (key.starts_with("x-") || key.starts_with("_")) continue;
    if (std::ranges::find(keys, key) != keys.end()) continue;
    std::string known;
    for (const auto k : keys) known += (known.empty() ? "" : ", ") + std::string(k);
    return child(key).bad("unknown key; known here: " + known);
  }
  return ok();
}

namespace json {

Result<std::string> text(const JsonField& field) {
  if (!field.value().is_string()) return field.bad("must be a string");
  return field.value().get<std::string>();
}

Result<std::string> non_empty_text(const JsonField& field) {
  auto got = TRY(text(field));
  if (got.empty()) return field.bad("must not be empty");
  return got;
}

Result<bool> boolean(const JsonField& field) {
  if (!field.value().is_boolean()) return field.bad("must be true or false");
  return field.value().get<bool>();
}

Result<IpAddress> ip_address(const JsonField& field) {
  const auto got = IpAddress::parse(TRY(text(field)));
  if (!got) return field.bad(got.error().message);
  return *got;
}

Result<Prefix> prefix(const JsonField& field) {
  const auto got = Prefix::parse(TRY(text(field)));
  if (!got) return field.bad(got.error().message);
  return *got;
}

Result<std::int64_t> integer_between(const JsonField& field, std::int64_t low, std::int64_t high) {
  const auto range = "must be an integer from " + std::to_string(low) + " to " + std::to_string(high);
  const auto& value = field.value();
  if (!value.is_number_integer()) return field.bad(range);
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return field.bad(range);
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) return field.bad(range);
  return number;
}

Result<std::vector<std::string>> texts(const JsonField& field) { return field.each(text); }

}  // namespace json
}  // namespace slash32
