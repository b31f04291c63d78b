#include "agent/kube/credentials.h"

#include <algorithm>

#include "common/fd.h"

namespace slash32::agent::kube {
namespace {

Result<std::string> text_of(const Material& material) {
  return material.file.empty() ? Result<std::string>(material.data) : read_file(material.file);
}

}  // namespace

Result<Credentials> read_credentials(const Access& access) {
  Credentials out;
  out.ca = TRY(text_of(access.ca));
  out.client_certificate = TRY(text_of(access.client_certificate));
  out.client_key = TRY(text_of(access.client_key));
  return out;
}

Result<std::string> read_token(const Access& access) {
  auto token = TRY(text_of(access.token));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  const auto where = access.token.file.empty() ? std::string("the token") : access.token.file.string();
  if (token.empty() && !access.token.empty()) return fail(7, where + ": holds no token");
  // RFC 6750 section 2.1: visible characters only; anything else could begin another header.
  if (!std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7F; }))
    return fail(7, where + ": holds a character that no token has");
  return token;
}

}  // namespace slash32::agent::kube
