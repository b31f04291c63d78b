#include "agent/kube/request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace slash32::agent::kube {
namespace {

constexpr std::size_t kMaxMessage = 300;

}  // namespace

std::string name_of(const Resource& resource) {
  return resource.group.empty() ? resource.plural : resource.plural + "." + resource.group;
}

std::string collection_path(const Resource& resource, const std::string& name_space) {
  auto out = resource.group.empty() ? "/api/" + resource.version : "/apis/" + resource.group + "/" + resource.version;
  if (!name_space.empty()) out.append("/namespaces/").append(percent_encode(name_space));
  return out.append("/").append(resource.plural);
}

std::string object_path(const Resource& resource, const std::string& name_space, const std::string& name,
                        const std::string& subresource) {
  auto out = collection_path(resource, name_space) + "/" + percent_encode(name);
  return subresource.empty() ? out : out + "/" + subresource;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != kUnreserved.npos) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[octet >> 4];
    out += kHex[octet & 0xF];
  }
  return out;
}

std::string with_query(const std::string& path,
                       const std::vector<std::pair<std::string_view, std::string>>& parameters) {
  auto out = path;
  char separator = '?';
  for (const auto& [key, value] : parameters) {
    if (value.empty()) continue;
    out += separator;
    out.append(key).append("=").append(percent_encode(value));
    separator = '&';
  }
  return out;
}

std::string message_of(std::string_view body) {
  std::string out(body);
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (document.is_object() && document.contains("message") && document["message"].is_string())
    out = document["message"].get<std::string>();
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  while (out.ends_with(' ')) out.pop_back();
  if (out.size() > kMaxMessage) out = out.substr(0, kMaxMessage) + " …";
  return out;
}

}  // namespace slash32::agent::kube
