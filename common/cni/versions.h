// CNI specification versions: those we speak, and the older ones whose results a delegated plugin may print.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace slash32::cni {

/// Ordered: later versions compare greater.
enum class Version : std::uint8_t { V0_1_0, V0_2_0, V0_3_0, V0_3_1, V0_4_0, V1_0_0, V1_1_0 };

/// What VERSION prints and what a network configuration may ask for.
inline constexpr std::array kSupportedVersions = {Version::V0_3_1, Version::V0_4_0, Version::V1_0_0, Version::V1_1_0};
inline constexpr Version kNewestVersion = Version::V1_1_0;
inline constexpr Version kCheckSince = Version::V0_4_0;   // CNI 0.4.0 added CHECK, and prevResult for DEL
inline constexpr Version kStatusSince = Version::V1_1_0;  // CNI 1.1.0 added STATUS and GC

inline constexpr std::array<std::pair<Version, std::string_view>, 7> kVersionNames = {{{Version::V0_1_0, "0.1.0"},
                                                                                       {Version::V0_2_0, "0.2.0"},
                                                                                       {Version::V0_3_0, "0.3.0"},
                                                                                       {Version::V0_3_1, "0.3.1"},
                                                                                       {Version::V0_4_0, "0.4.0"},
                                                                                       {Version::V1_0_0, "1.0.0"},
                                                                                       {Version::V1_1_0, "1.1.0"}}};

constexpr std::string_view to_string(Version version) {
  return kVersionNames[static_cast<std::size_t>(version)].second;
}

/// Any version of the specification, also those we do not speak. Versions are compared as strings (CNI: "must equal").
constexpr std::optional<Version> parse_version(std::string_view text) {
  for (const auto& [version, name] : kVersionNames)
    if (name == text) return version;
  return std::nullopt;
}

constexpr bool is_supported(Version version) {
  for (const auto v : kSupportedVersions)
    if (v == version) return true;
  return false;
}

}  // namespace slash32::cni
