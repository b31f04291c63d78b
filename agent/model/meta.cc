#include "agent/model/meta.h"

#include <array>

#include "agent/model/fields.h"

namespace slash32::agent::model {
namespace {

/// The text at /metadata/KEY of an object of which nothing is certain.
std::string said(const nlohmann::json& object, const char* key) {
  if (!object.is_object() || !object.contains("metadata") || !object.at("metadata").is_object()) return {};
  const auto& metadata = object.at("metadata");
  if (!metadata.contains(key) || !metadata.at(key).is_string()) return {};
  return metadata.at(key).get<std::string>();
}

}  // namespace

std::string_view to_string(Kind kind) {
  static constexpr std::array<std::string_view, 9> kNames = {"Node",      "Service",          "EndpointSlice",
                                                             "Secret",    "BGPConfiguration", "BGPPeer",
                                                             "BGPFilter", "BGPAdvertisement", "IPPool"};
  return kNames.at(static_cast<std::size_t>(kind));
}

Result<Meta> read_meta(const JsonField& object) {
  TRY(object.is_object());
  const auto field = TRY(object.required("metadata", [](const JsonField& f) -> Result<JsonField> { return f; }));
  TRY(field.is_object());
  Meta meta;
  meta.key.name = TRY(field.required("name", json::non_empty_text));
  meta.key.space = TRY(read_or(field, "namespace", json::text, std::string{}));
  meta.uid = TRY(read_or(field, "uid", json::text, std::string{}));
  meta.generation = TRY(read_or(field, "generation", json::integer<std::int64_t>(), std::int64_t{0}));
  meta.created = TRY(read_or(field, "creationTimestamp", json::text, std::string{}));
  meta.labels = TRY(read_or(field, "labels", labels, Labels{}));
  meta.annotations = TRY(read_or(field, "annotations", labels, Labels{}));
  std::erase_if(meta.annotations, [](const auto& entry) { return !entry.first.starts_with(kOurPrefix); });
  meta.deleting = find(field, "deletionTimestamp").has_value();
  return meta;
}

std::string version_of(const nlohmann::json& object) {
  const auto& metadata = object.at("metadata");
  const auto found = metadata.find("resourceVersion");
  return found != metadata.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Problem problem_of(Kind kind, const nlohmann::json& object, const Error& error) {
  return {kind, {said(object, "namespace"), said(object, "name")}, error.message};
}

}  // namespace slash32::agent::model
