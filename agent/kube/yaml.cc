#include "agent/kube/yaml.h"

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <string>

namespace slash32::agent::kube {
namespace {

constexpr int kNotJson = 6;  // CNI: the content cannot be decoded
constexpr std::size_t kMaxValues = 100'000;
constexpr int kMaxDepth = 100;

std::string place(const YAML::Mark& mark) {
  return "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1);
}

/// Node by node, counting: an alias is the same node again, and its expansion has no bound of its own.
class Converter {
 public:
  Result<nlohmann::json> convert(const YAML::Node& node, int depth) {
    if (++values_ > kMaxValues) return fail(kNotJson, "more than " + std::to_string(kMaxValues) + " values");
    if (depth > kMaxDepth) return fail(kNotJson, place(node.Mark()) + ": nested too deep");
    if (node.IsMap()) return map(node, depth);
    if (node.IsSequence()) return sequence(node, depth);
    return scalar(node);
  }

 private:
  Result<nlohmann::json> map(const YAML::Node& node, int depth) {
    auto out = nlohmann::json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return fail(kNotJson, place(entry.first.Mark()) + ": a key must be a text");
      const auto& key = entry.first.Scalar();
      if (out.contains(key)) return fail(kNotJson, place(entry.first.Mark()) + ": \"" + key + "\" is there twice");
      out[key] = TRY(convert(entry.second, depth + 1));
    }
    return out;
  }
  Result<nlohmann::json> sequence(const YAML::Node& node, int depth) {
    auto out = nlohmann::json::array();
    for (const auto& element : node) out.push_back(TRY(convert(element, depth + 1)));
    return out;
  }
  static nlohmann::json scalar(const YAML::Node& node) {
    if (!node.IsScalar()) return nullptr;
    const auto& text = node.Scalar();
    if (node.Tag() != "?") return text;  // quoted
    if (text == "true") return true;
    if (text == "false") return false;
    if (text == "null" || text == "~" || text.empty()) return nullptr;
    return text;
  }

  std::size_t values_ = 0;
};

}  // namespace

Result<nlohmann::json> parse_yaml(std::string_view text) {
  try {  // the library throws
    return Converter().convert(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& error) {
    return fail(kNotJson, "not YAML: " + place(error.mark) + ": " + error.msg);
  }
}

}  // namespace slash32::agent::kube
