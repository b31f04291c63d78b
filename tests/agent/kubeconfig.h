// How the programs that tests run find the API server.
#pragma once

#include <filesystem>
#include <iostream>
#include <optional>

#include "agent/kube/access.h"
#include "common/fd.h"

namespace slash32::agent::test {

/// What a kubeconfig says; nothing where it cannot be read, and standard error says why.
inline std::optional<kube::Access> access_of(const std::filesystem::path& file) {
  const auto text = read_file(file);
  auto access =
      text ? kube::parse_kubeconfig(*text, file.parent_path()) : Result<kube::Access>(std::unexpected(text.error()));
  if (access) return *std::move(access);
  std::cerr << access.error().message << "\n";
  return std::nullopt;
}

}  // namespace slash32::agent::test
