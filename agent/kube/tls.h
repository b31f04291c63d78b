// What TLS is told to check, and what it found wrong, in words.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "agent/kube/access.h"
#include "agent/kube/credentials.h"
#include "common/result.h"

struct ssl_st;  // OpenSSL's SSL

namespace slash32::agent::kube {

/// TLS 1.2 or newer, with these authorities (the system's where there are none) and this certificate of ours.
Result<boost::asio::ssl::context> tls_context(const Access& access, const Credentials& credentials);

/// Names the server whose certificate is expected: by name (also sent: SNI) or by address. Chain and name are checked
/// unless the access says insecure.
Status expect_server(ssl_st* session, const Access& access);

/// Why a handshake failed: the certificate's trouble where there is one, else `otherwise`.
std::string tls_trouble(ssl_st* session, const std::string& otherwise);

/// Keep-alive and TCP_USER_TIMEOUT on a connected socket, so that a server that vanished is noticed within a minute.
void watch_over(int socket);

}  // namespace slash32::agent::kube
