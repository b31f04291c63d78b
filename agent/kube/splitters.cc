#include "agent/kube/splitters.h"

namespace slash32::agent::kube {
namespace {

constexpr int kNotJson = 6;
constexpr std::size_t kMaxEnvelope = 64 << 10;
constexpr int kMaxDepth = 256;

std::unexpected<Error> too_long(const char* what, std::size_t limit) {
  return fail(kNotJson, std::string(what) + " is longer than " + std::to_string(limit) + " bytes");
}

}  // namespace

Status LineSplitter::feed(std::string_view bytes, const TakeText& take) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > kMaxObject) return too_long("a watch event", kMaxObject);
    if (end == bytes.npos) {
      line_.append(piece);
      return ok();
    }
    if (line_.empty()) {
      if (!piece.empty()) TRY(take(piece));
    } else {
      line_.append(piece);
      TRY(take(line_));
      line_.clear();
      if (line_.capacity() > kMaxObject / 64) line_.shrink_to_fit();  // one huge object must not cost for ever
    }
    bytes.remove_prefix(end + 1);
  }
  return ok();
}

Status ListSplitter::feed(std::string_view bytes, const TakeText& take) {
  for (const char c : bytes) TRY(step(c, take));
  return ok();
}

Status ListSplitter::step(char c, const TakeText& take) {
  if (in_string_) {
    TRY(keep(c));
    in_text(c);
    return ok();
  }
  switch (c) {
    case '"':
      if (in_items_ && depth_ == 2) return fail(kNotJson, "an element of items is not an object");
      in_string_ = true;
      return keep(c);
    case '{':
    case '[':
      return opened(c);
    case '}':
    case ']':
      return closed(c, take);
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      return ok();
    default:
      break;
  }
  if (in_items_ && depth_ == 2) {  // between elements
    if (c == ',') return ok();
    return fail(kNotJson, "an element of items is not an object");
  }
  return keep(c);
}

void ListSplitter::in_text(char c) {
  if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    in_string_ = false;
  }
}

Status ListSplitter::opened(char c) {
  if (depth_ == 0 && (c != '{' || ended_)) return fail(kNotJson, "a list must be one JSON object");
  if (depth_ >= kMaxDepth) return fail(kNotJson, "nested too deep");
  if (in_items_ && depth_ == 2 && c != '{') return fail(kNotJson, "an element of items is not an object");
  // White space outside of strings is not kept, and inside of one no quote stands behind a brace or a comma.
  const bool begins_items =
      depth_ == 1 && c == '[' && (envelope_.ends_with("{\"items\":") || envelope_.ends_with(",\"items\":"));
  ++depth_;
  if (begins_items) in_items_ = true;
  return keep(c);
}

Status ListSplitter::closed(char c, const TakeText& take) {
  if (depth_ == 0) return fail(kNotJson, "a bracket too many");
  const bool was_item = in_item();
  TRY(keep(c));
  --depth_;
  if (was_item && depth_ == 2) {
    TRY(take(item_));
    item_.clear();
    if (item_.capacity() > kMaxObject / 64) item_.shrink_to_fit();
  }
  if (depth_ == 1) in_items_ = false;
  if (depth_ == 0) ended_ = true;
  return ok();
}

Status ListSplitter::keep(char c) {
  auto& where = in_item() ? item_ : envelope_;
  if (in_item() && where.size() >= kMaxObject) return too_long("an object", kMaxObject);
  if (!in_item() && where.size() >= kMaxEnvelope) return too_long("what stands around a list's items", kMaxEnvelope);
  where += c;
  return ok();
}

Result<nlohmann::json> ListSplitter::finish() const {
  if (!ended_) return fail(kNotJson, "the list was cut off");
  auto out = nlohmann::json::parse(envelope_, nullptr, false);
  if (!out.is_object()) return fail(kNotJson, "the list is not JSON");
  return out;
}

}  // namespace slash32::agent::kube
