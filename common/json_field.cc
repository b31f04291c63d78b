#include "common/json_field.h"

#include <algorithm>

namespace slash32 {
namespace {

/// One reference token of a JSON pointer (RFC 6901 section 3). Control characters are written as JSON writes them: the
/// pointer ends up on terminals.
std::string escape(const std::string& key) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::size_t kMost = 128;  // what is longer was not written by hand
  std::string out;
  for (const char c : std::string_view(key).substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else if (byte < 0x20 || byte == 0x7f)
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 0xf];
    else
      out += c;
  }
  return key.size() > kMost ? out + "[...]" : out;
}

/// Builds the document and remembers repeated keys and the first syntax error, each with its place.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(bool lenient) : lenient_(lenient) {}

  nlohmann::json document;
  std::vector<std::string> repeated;
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
    const bool known = open_.back()->contains(v);
    key_ = std::move(v);
    awaits_value_ = true;
    if (!known) return true;
    repeated.push_back(here() + ": occurs twice in one object");
    complaint = repeated.back();
    return lenient_;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..." without the library's own prefix
    complaint = e.what();
    if (const auto end = complaint.find("] "); end != std::string::npos) complaint.erase(0, end + 2);
    constexpr int kNumberOverflow = 406;
    complaint = e.id == kNumberOverflow ? here() + ": " + complaint
                                        : "not JSON: " + complaint + (open_.empty() ? "" : " (at " + here() + ")");
    return false;
  }

 private:
  static constexpr std::size_t kMaxDepth = 64;  // deeper documents are an attack on the stack, not a configuration

  /// The pointer of the value that comes next, or after a member of an object of that object; "/" for the root.
  std::string here() const {
    std::string out;
    for (const auto& token : path_) out += "/" + token;
    if (!open_.empty() && open_.back()->is_array()) out += "/" + std::to_string(open_.back()->size());
    if (awaits_value_) out += "/" + escape(key_);
    return out.empty() ? "/" : out;
  }
  nlohmann::json* place(nlohmann::json value) {
    awaits_value_ = false;
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
      complaint = here() + ": nested more than " + std::to_string(kMaxDepth) + " levels deep";
      return false;
    }
    if (!open_.empty()) path_.push_back(open_.back()->is_array() ? std::to_string(open_.back()->size()) : escape(key_));
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    if (!path_.empty()) path_.pop_back();
    return true;
  }

  bool lenient_;
  std::vector<nlohmann::json*> open_;
  std::vector<std::string> path_;  // the tokens of open_, but the root's
  std::string key_;                // the member whose value comes next
  bool awaits_value_ = false;
};

/// `text` without control characters and, where it is long, without its middle: complaints quote what stood there, and
/// end up on terminals and in logs.
std::string presentable(const std::string& text) {
  constexpr std::size_t kMost = 500, kHead = 300, kTail = 100;
  std::string out;
  const auto append = [&out](std::string_view part) {
    for (const char c : part) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  };
  if (text.size() <= kMost) {
    append(text);
    return out;
  }
  const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  std::size_t head = kHead, tail = text.size() - kTail;
  while (head > 0 && continues(head)) --head;  // no half of a UTF-8 sequence
  while (tail < text.size() && continues(tail)) ++tail;
  append(std::string_view(text).substr(0, head));
  out += " [...] ";
  append(std::string_view(text).substr(tail));
  return out;
}

Status build(Builder& builder, std::string_view text) {
  // The library takes a zero byte for the end, whatever comes behind it.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    return fail(6, "not JSON: a zero byte at offset " + std::to_string(zero));
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return fail(6, presentable(builder.complaint));
  return ok();
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  Builder builder(/*lenient=*/false);
  TRY(build(builder, text));
  return std::move(builder.document);
}

Result<LenientDocument> parse_json_leniently(std::string_view text) {
  Builder builder(/*lenient=*/true);
  TRY(build(builder, text));
  return LenientDocument{std::move(builder.document), std::move(builder.repeated)};
}

Error JsonField::bad_error(const std::string& complaint) const {
  return Error{7, (pointer_.empty() ? "/" : pointer_) + ": " + presentable(complaint), {}};
}

Error JsonField::missing_error(const std::string& key) const {
  return Error{7, pointer_ + "/" + escape(key) + ": is missing", {}};
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

Result<std::string> line(const JsonField& field) {
  constexpr std::size_t kMost = 1024;
  auto got = TRY(text(field));
  if (std::ranges::any_of(got, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return field.bad("must not contain control characters");
  if (got.size() > kMost) return field.bad("must be at most " + std::to_string(kMost) + " bytes long");
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

Result<std::string> absolute_path(const JsonField& field) {
  constexpr std::size_t kMaxPath = 4095;  // PATH_MAX without the closing zero
  auto path = TRY(non_empty_text(field));
  if (path.front() != '/') return field.bad("must be an absolute path");
  if (path.find('\0') != std::string::npos) return field.bad("must not contain a zero byte");
  if (path.size() > kMaxPath) return field.bad("must be at most " + std::to_string(kMaxPath) + " bytes long");
  return path;
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
