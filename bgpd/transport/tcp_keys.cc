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

std::string about_key(const char* what, const Prefix& peer) {
  return std::string(what) + " a TCP-AO key for " + peer.to_string();
}

Status add(int fd, const Prefix& peer, const AoKey& key) {
  const auto request = ao_abi::add_key(peer, key);
  if (::setsockopt(fd, IPPROTO_TCP, ao_abi::kAddKey, &request, sizeof request) == 0) return ok();
  if (errno != EEXIST) return sys_fail(about_key("add", peer));
  return fail(7, about_key("add", peer) + ": sendId " + std::to_string(key.send_id) + " or receiveId " +
                     std::to_string(key.receive_id) +
                     " is taken by a key of a prefix that overlaps it (RFC 5925 section 3.1)");
}

/// `next` takes the place of `key` where that is in use: until then the neighbour's wish (RNextKeyID) decides.
Status remove(int fd, const Prefix& peer, const AoKey& key, const AoKey* next) {
  for (const AoKey* heir : {static_cast<const AoKey*>(nullptr), next}) {
    const auto request = ao_abi::del_key(peer, key, heir);
    if (::setsockopt(fd, IPPROTO_TCP, ao_abi::kDelKey, &request, sizeof request) == 0) return ok();
    if (errno == ENOENT) return ok();  // already gone
    if (errno != EBUSY) break;
  }
  return sys_fail(about_key("remove", peer));
}

bool is_listening(int fd) {
  int on = 0;
  socklen_t size = sizeof on;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on != 0;
}

/// The kernel has no two keys for a peer that share an identifier (RFC 5925 section 3.1): one has to go before another
/// with one of its identifiers can come. The last one added is the one a new connection signs with, so the first of
/// `now` comes last. `known` says at each step what the socket has: where one fails, the next change begins there.
Status change_ao(int fd, const Prefix& peer, std::vector<AoKey>& known, const std::vector<AoKey>& now) {
  const bool is_new = known.empty();  // maybe a listener to be, which would never give up the key it asks for
  for (const auto& key : std::views::reverse(now)) {
    if (has(known, key)) continue;
    for (const auto& old : std::vector(known)) {
      if (old.send_id != key.send_id && old.receive_id != key.receive_id) continue;
      TRY(remove(fd, peer, old, nullptr));
      std::erase(known, old);
    }
    TRY(add(fd, peer, key));
    known.push_back(key);
  }
  const AoKey* next = now.empty() || is_listening(fd) ? nullptr : &now.front();  // a listener has no current key
  if (next != nullptr && !is_new) {
    const auto request = ao_abi::ask_for(*next);
    if (::setsockopt(fd, IPPROTO_TCP, ao_abi::kInfo, &request, sizeof request) != 0)
      return sys_fail(about_key("ask to be sent", peer));
  }
  for (const auto& key : std::vector(known)) {
    if (has(now, key)) continue;
    TRY(remove(fd, peer, key, next));
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

ao_abi::Info ao_abi::ask_for(const AoKey& key) {
  Info out{};
  out.flags = kSetRnext;
  out.rnext = key.receive_id;
  return out;
}

Status tcp_ao_is_there() {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!fd) return sys_fail("open a TCP socket");
  ao_abi::Info room{};
  socklen_t size = sizeof room;
  // A socket without keys: a kernel that knows the option says so, or that there is nothing.
  if (::getsockopt(fd.get(), IPPROTO_TCP, ao_abi::kInfo, &room, &size) != 0 && errno == ENOPROTOOPT)
    return fail(5, "tcpAo: this kernel has no TCP-AO (CONFIG_TCP_AO, Linux 6.7)");
  return ok();
}

Status change_tcp_keys(int fd, const Prefix& peer, TcpKeys& known, const TcpKeys& now,
                       const std::optional<Prefix>& accepted_by) {
  const bool had_ao = !known.ao.empty();
  if (!known.md5.empty() && now.md5.empty() && !now.ao.empty()) {  // never both
    TRY(set_md5_key(fd, peer, ""));
    known.md5.clear();
  }
  if (had_ao || !now.ao.empty()) TRY(change_ao(fd, accepted_by.value_or(peer), known.ao, now.ao));
  if (now.ao.empty() && (!had_ao || !now.md5.empty())) TRY(set_md5_key(fd, peer, now.md5));
  known = now;
  return ok();
}

}  // namespace slash32::bgp
