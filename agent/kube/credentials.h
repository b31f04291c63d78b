// What an Access names, read from where it stands, each time it is needed: tokens are rotated in their file,
// authorities and certificates are renewed.
#pragma once

#include <string>

#include "agent/kube/access.h"
#include "common/result.h"

namespace slash32::agent::kube {

/// PEM texts; empty: there is none.
struct Credentials {
  std::string ca;
  std::string client_certificate, client_key;
  bool operator==(const Credentials&) const = default;
};

/// Error: names the file.
Result<Credentials> read_credentials(const Access& access);

/// The bearer token, without the line end that a file may have; empty: there is none. Error: the file cannot be read,
/// is empty, or holds what a header cannot.
Result<std::string> read_token(const Access& access);

}  // namespace slash32::agent::kube
