// tests/vectors/*.hex: whole messages in commented hex, and beside each in a .txt what it says. UPDATE_GOLDEN=1 in the
// environment writes the .txt anew. Every truncation and every change of one octet must be survived.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bgpd/wire/header.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/route_refresh.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
namespace fs = std::filesystem;

std::vector<fs::path> vectors() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path{SLASH32_SOURCE_DIR} / "tests/vectors"))
    if (entry.path().extension() == ".hex") out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

Bytes read_hex(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  for (std::string line; std::getline(file, line);) text += line.substr(0, line.find('#')) + " ";
  return testing::hex(text);
}

std::string text_of(const Open& o) {
  std::ostringstream out;
  out << "OPEN as " << o.asn.value << " hold " << o.hold_time << " id " << o.id.value << "\n";
  for (const AddressFamily f : o.capabilities.families) out << "family " << to_string(f) << "\n";
  out << "refresh " << o.capabilities.route_refresh << "\n";
  if (const auto& gr = o.capabilities.graceful_restart) {
    out << "restart R " << gr->restarting << " N " << gr->notification << " time " << gr->restart_time << "\n";
    for (const auto& f : gr->families)
      out << "restart family " << to_string(f.family) << " F " << f.forwarding_preserved << "\n";
  }
  for (const std::uint8_t code : o.capabilities.unknown_codes) out << "unknown capability " << int{code} << "\n";
  return out.str();
}

std::string text_of(const PathAttributes& a) {
  std::ostringstream out;
  out << "origin " << int(a.origin) << "\npath";
  for (const AsPathSegment& s : a.as_path.segments) {
    out << " " << int(s.type) << "(";
    for (const Asn asn : s.asns) out << " " << asn.value;
    out << " )";
  }
  out << "\nnext hop " << a.next_hop.to_string() << "\n";
  if (a.link_local) out << "link-local " << a.link_local->to_string() << "\n";
  if (a.med) out << "med " << *a.med << "\n";
  if (a.local_pref) out << "local pref " << *a.local_pref << "\n";
  if (a.atomic_aggregate) out << "atomic aggregate\n";
  if (a.aggregator) out << "aggregator " << a.aggregator->asn.value << " " << a.aggregator->id.value << "\n";
  for (const Community c : a.communities) out << "community " << (c >> 16) << ":" << (c & 0xffff) << "\n";
  for (const LargeCommunity& c : a.large_communities)
    out << "large " << c.global << ":" << c.local1 << ":" << c.local2 << "\n";
  out << "extended " << a.extended_communities.size() << "\n";
  for (const UnknownAttribute& u : a.unknown)
    out << "unknown attribute " << int{u.type} << " of " << u.value.size() << " octets\n";
  return out.str();
}

std::string text_of(const Update& u) {
  std::ostringstream out;
  out << "UPDATE verdict " << int(u.verdict) << " " << u.complaint << "\n";
  if (u.end_of_rib) out << "end of rib " << to_string(*u.end_of_rib) << "\n";
  for (const Prefix& p : u.withdrawn) out << "withdrawn " << p.to_string() << "\n";
  for (const Update::Reach& r : u.announced) {
    for (const Prefix& p : r.prefixes) out << "announced " << p.to_string() << "\n";
    out << text_of(*r.attributes);
  }
  return out.str();
}

/// What a message says, or how it is refused.
std::string text_of(std::span<const std::uint8_t> message, const DecodeContext& context) {
  if (message.size() < kHeaderSize) return "too short\n";
  const auto header = decode_header(message.first<kHeaderSize>());
  const auto refused = [](const Notification& n) { return "refused: " + describe(n) + "\n"; };
  if (!header) return refused(header.error());
  const auto body = message.subspan(kHeaderSize);
  switch (header->type) {
    case MessageType::Open: {
      const auto o = decode_open(body);
      return o ? text_of(*o) : refused(o.error());
    }
    case MessageType::Update: {
      const auto u = decode_update(body, context);
      return u ? text_of(*u) : refused(u.error());
    }
    case MessageType::Notification:
      return "NOTIFICATION " + describe(decode_notification(body)) + "\n";
    case MessageType::RouteRefresh: {
      const auto r = decode_route_refresh(body);
      if (!r) return refused(r.error());
      const auto* known = std::get_if<RouteRefresh>(&*r);
      return known != nullptr ? "REFRESH " + std::string{to_string(known->family)} + "\n" : "ignored\n";
    }
    case MessageType::Keepalive:
      break;
  }
  return "KEEPALIVE\n";
}

DecodeContext context_of(const fs::path& path) {
  DecodeContext c = path.stem().string().ends_with("_ibgp") ? testing::ibgp() : testing::ebgp();
  c.four_octet_as = !path.stem().string().starts_with("two_octet");
  return c;
}

TEST(Vectors, SayWhatTheirTextSays) {
  ASSERT_GE(vectors().size(), 8U);
  for (const fs::path& path : vectors()) {
    const std::string text = text_of(read_hex(path), context_of(path));
    const fs::path golden = fs::path{path}.replace_extension(".txt");
    if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << text;
    std::ostringstream expected;
    expected << std::ifstream(golden).rdbuf();
    EXPECT_EQ(text, expected.str()) << path;
  }
}

TEST(Vectors, SurviveEveryTruncationAndEveryChangeOfOneOctet) {
  for (const fs::path& path : vectors()) {
    const Bytes whole = read_hex(path);
    const DecodeContext context = context_of(path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // of its own: ASan sees its end
      EXPECT_FALSE(text_of(cut, context).empty());
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        Bytes changed = whole;
        changed[at] = static_cast<std::uint8_t>(value);
        EXPECT_FALSE(text_of(changed, context).empty());
      }
    }
  }
}

}  // namespace
}  // namespace slash32::bgp
