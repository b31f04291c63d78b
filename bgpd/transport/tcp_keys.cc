#include "bgpd/transport/tcp_keys.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>

#include "bgpd/transport/socket.h"
#include "common/fd.h"
#include "common/sockaddr.h"

namespace slash32::bgp {
namespace {

/// The kernel's names of RFC 5926's algorithms.
std::string_view kernel_name(TcpAoAlgorithm algorithm) {
  return algorithm == TcpAoAlgorithm::HmacSha1 ? "hmac(sha1)" : "cmac(aes128)";
}

bool has(const std::vector<AoKey>& keys, const AoKey& key) { return std::ranges::find(keys, key) != keys.end(); }

template <class Request>
Status ask(int fd, int option, const Request& request, const Prefix& peer, const char* what) {
  if (::setsockopt(fd, IPPROTO_TCP, option, &request, sizeof request) == 0) return ok();
  if (option == ao_abi::kDelKey && errno == ENOENT) return ok();  // already gone
  return sys_fail(std::string(what) + " a TCP-AO key for " + peer.to_string());
}

bool is_listening(int fd) {
  int on = 0;
  socklen_t size = sizeof on;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on != 0;
}

/// The kernel knows a key by its identifiers: one with the same ones has to go before it can come with another secret.
/// The last one added is the one a new connection signs with, so the first of `now` comes last. `known` says at each
/// step what the socket has: where one fails, the next change begins there.
Status change_ao(int fd, const Prefix& peer, std::vector<AoKey>& known, const std::vector<AoKey>& now) {
  const auto same_ids = [](const AoKey& a) {
    return [&a](const AoKey& b) { return a.send_id == b.send_id && a.receive_id == b.receive_id; };
  };
  for (const auto& key : std::views::reverse(now)) {
    if (has(known, key)) continue;
    if (std::ranges::any_of(known, same_ids(key))) {
      TRY(ask(fd, ao_abi::kDelKey, ao_abi::del_key(peer, key, nullptr), peer, "remove"));
      std::erase_if(known, same_ids(key));
    }
    TRY(ask(fd, ao_abi::kAddKey, ao_abi::add_key(peer, key), peer, "add"));
    known.push_back(key);
  }
  const AoKey* next = now.empty() || is_listening(fd) ? nullptr : &now.front();  // a listener has no current key
  for (const auto& key : std::vector(known)) {
    if (has(now, key)) continue;
    TRY(ask(fd, ao_abi::kDelKey, ao_abi::del_key(peer, key, next), peer, "remove"));
    std::erase(known, key);
  }
  return ok();
}

void put_peer(const Prefix& peer, sockaddr_storage& address, std::uint8_t& prefix) {
  address = to_sockaddr(peer.address(), 0).storage;
  prefix = peer.length();
}

}  // namespace

ao_abi::AddKey ao_abi::add_key(const Prefix& peer, const AoKey& key) {
  AddKey out{};
  put_peer(peer, out.address, out.prefix);
  std::ranges::copy(kernel_name(key.algorithm), out.algorithm);
  out.send_id = key.send_id;
  out.receive_id = key.receive_id;
  out.mac_size = 12;  // RFC 5926 section 3.2: 96 bits
  out.key_size = static_cast<std::uint8_t>(std::min(key.secret.size(), sizeof out.key));
  std::memcpy(out.key, key.secret.data(), out.key_size);
  return out;
}

ao_abi::DelKey ao_abi::del_key(const Prefix& peer, const AoKey& key, const AoKey* next) {
  DelKey out{};
  put_peer(peer, out.address, out.prefix);
  out.send_id = key.send_id;
  out.receive_id = key.receive_id;
  if (next == nullptr) return out;
  out.flags = kSetCurrent | kSetRnext;
  out.current_key = next->send_id;
  out.rnext = next->receive_id;
  return out;
}

Status tcp_ao_is_there() {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd) return sys_fail("open a TCP socket");
  std::uint8_t room[256] = {};
  socklen_t size = sizeof room;
  // A socket without keys: a kernel that knows the option says so, or that there is nothing.
  if (::getsockopt(fd.get(), IPPROTO_TCP, ao_abi::kInfo, room, &size) != 0 && errno == ENOPROTOOPT)
    return fail(5, "tcpAo: this kernel has no TCP-AO (CONFIG_TCP_AO, Linux 6.7)");
  return ok();
}

Status change_tcp_keys(int fd, const Prefix& peer, TcpKeys& known, const TcpKeys& now) {
  const bool had_ao = !known.ao.empty();
  if (!known.md5.empty() && now.md5.empty() && !now.ao.empty()) {  // never both
    TRY(set_md5_key(fd, peer, ""));
    known.md5.clear();
  }
  if (had_ao || !now.ao.empty()) TRY(change_ao(fd, peer, known.ao, now.ao));
  if (now.ao.empty() && (!had_ao || !now.md5.empty())) TRY(set_md5_key(fd, peer, now.md5));
  known = now;
  return ok();
}

}  // namespace slash32::bgp
