#include "agent/kube/tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>

#include "common/ip.h"

namespace slash32::agent::kube {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr int kInvalid = 7;
constexpr int kIdleSeconds = 30, kProbeSeconds = 10, kProbes = 3;
constexpr unsigned kUnackedMilliseconds = 30'000;

std::string named(const Material& material, const std::string& what) {
  return material.file.empty() ? what : what + " " + material.file.string();
}

Status add_own(ssl::context& context, const Access& access, const Credentials& credentials) {
  if (credentials.client_certificate.empty()) return ok();
  error_code error;
  context.use_certificate_chain(boost::asio::buffer(credentials.client_certificate), error);
  if (error) return fail(kInvalid, named(access.client_certificate, "client certificate") + ": " + error.message());
  context.use_private_key(boost::asio::buffer(credentials.client_key), ssl::context::pem, error);
  if (error) return fail(kInvalid, named(access.client_key, "client key") + ": " + error.message());
  return ok();
}

}  // namespace

Result<ssl::context> tls_context(const Access& access, const Credentials& credentials) {
  ssl::context context(ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  // A session that was resumed would not look at a changed authority.
  ::SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  error_code error;
  context.set_verify_mode(access.insecure ? ssl::verify_none : ssl::verify_peer, error);
  if (error) return fail(kInvalid, "TLS: " + error.message());
  if (!access.insecure) {
    if (credentials.ca.empty()) {
      context.set_default_verify_paths(error);
    } else {
      context.add_certificate_authority(boost::asio::buffer(credentials.ca), error);
    }
    if (error) return fail(kInvalid, named(access.ca, "certificate authority") + ": " + error.message());
  }
  TRY(add_own(context, access, credentials));
  return context;
}

Status expect_server(ssl_st* session, const Access& access) {
  const auto& name = access.server_name.empty() ? access.host : access.server_name;
  const auto address = IpAddress::parse(name);
  if (!address && ::SSL_set_tlsext_host_name(session, name.c_str()) != 1)  // RFC 6066 section 3: never an address
    return fail(kInvalid, "TLS: \"" + name + "\" cannot be a server's name");
  if (access.insecure) return ok();
  auto* expected = ::SSL_get0_param(session);
  ::X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = address ? ::X509_VERIFY_PARAM_set1_ip_asc(expected, name.c_str())
                          : ::X509_VERIFY_PARAM_set1_host(expected, name.c_str(), name.size());
  if (set != 1) return fail(kInvalid, "TLS: \"" + name + "\" cannot be checked against a certificate");
  return ok();
}

std::string tls_trouble(ssl_st* session, const std::string& otherwise) {
  const auto found = ::SSL_get_verify_result(session);
  if (found == X509_V_OK) return otherwise;
  return std::string("the server's certificate: ") + ::X509_verify_cert_error_string(found);
}

void watch_over(int socket) {
  // Each of them only makes a dead server noticed sooner; the caller's own deadlines hold without them.
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof kIdleSeconds);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnackedMilliseconds, sizeof kUnackedMilliseconds);
}

}  // namespace slash32::agent::kube
