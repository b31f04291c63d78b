// Segments in, segments out.
#include "bgpd/wire/as_path.h"

#include <algorithm>

#include "bgpd/wire/iana.h"

namespace slash32::bgp {
namespace {

constexpr std::size_t kMaxSegment = 255;

bool is_confederation(SegmentType type) {
  return type == SegmentType::ConfedSequence || type == SegmentType::ConfedSet;
}

/// What a segment adds to the path's length (RFC 4271 section 9.1.2.2 a; RFC 5065 section 5.3).
std::uint32_t segment_length(const AsPathSegment& segment) {
  if (is_confederation(segment.type)) return 0;
  return segment.type == SegmentType::AsSet ? 1 : static_cast<std::uint32_t>(segment.asns.size());
}

void write_as(Asn asn, bool four_octet, ByteWriter& out) {
  if (four_octet)
    out.u32(asn.value);
  else
    out.u16(asn.value > 0xffff ? kAsTrans : static_cast<std::uint16_t>(asn.value));
}

}  // namespace

std::optional<AsPath> decode_as_path(ByteReader in, bool four_octet) {
  AsPath path;
  while (!in.empty()) {
    const std::uint8_t type = in.u8();
    const std::uint8_t count = in.u8();
    ByteReader asns = in.sub(std::size_t{count} * (four_octet ? 4 : 2));
    if (in.failed() || count == 0 || type < 1 || type > 4) return std::nullopt;
    AsPathSegment segment{static_cast<SegmentType>(type), {}};
    segment.asns.reserve(count);
    while (!asns.empty()) {
      const Asn asn{four_octet ? asns.u32() : asns.u16()};
      if (asn.value == 0) return std::nullopt;  // RFC 7607 section 2
      segment.asns.push_back(asn);
    }
    path.segments.push_back(std::move(segment));
  }
  return path;
}

bool has_confederation(const AsPath& path) {
  return std::ranges::any_of(path.segments, [](const AsPathSegment& s) { return is_confederation(s.type); });
}

bool has_as_set(const AsPath& path) {
  return std::ranges::any_of(path.segments, [](const AsPathSegment& s) { return s.type == SegmentType::AsSet; });
}

AsPath without_confederation(AsPath path) {
  std::erase_if(path.segments, [](const AsPathSegment& s) { return is_confederation(s.type); });
  return path;
}

void encode_as_path(const AsPath& path, bool four_octet, ByteWriter& out) {
  for (const AsPathSegment& segment : path.segments) {
    for (std::size_t at = 0; at < segment.asns.size(); at += kMaxSegment) {
      const std::size_t count = std::min(kMaxSegment, segment.asns.size() - at);
      out.u8(static_cast<std::uint8_t>(segment.type));
      out.u8(static_cast<std::uint8_t>(count));
      for (std::size_t i = at; i < at + count; ++i) write_as(segment.asns[i], four_octet, out);
    }
  }
}

bool needs_four_octets(const AsPath& path) {
  return std::ranges::any_of(path.segments, [](const AsPathSegment& s) {
    return std::ranges::any_of(s.asns, [](Asn asn) { return asn.value > 0xffff; });
  });
}

AsPath merge_as4_path(const AsPath& as_path, const AsPath& as4_path) {
  if (as_path.length() < as4_path.length()) return as_path;
  std::uint32_t missing = as_path.length() - as4_path.length();
  AsPath out;
  for (const AsPathSegment& segment : as_path.segments) {
    // RFC 6793 section 4.2.3: confederation segments between what is kept are kept too.
    if (missing == 0 && !(is_confederation(segment.type) && !out.segments.empty())) break;
    const std::uint32_t length = segment_length(segment);
    if (length <= missing) {
      out.segments.push_back(segment);
      missing -= length;
    } else {  // only part of a sequence
      out.segments.push_back({segment.type, {segment.asns.begin(), segment.asns.begin() + missing}});
      missing = 0;
    }
  }
  auto tail = as4_path.segments;
  const bool joins = !out.segments.empty() && !tail.empty() && out.segments.back().type == SegmentType::AsSequence &&
                     tail.front().type == SegmentType::AsSequence &&
                     out.segments.back().asns.size() + tail.front().asns.size() <= kMaxSegment;
  if (joins) {  // one sequence was cut in two: put it together again
    auto& head = out.segments.back().asns;
    tail.front().asns.insert(tail.front().asns.begin(), head.begin(), head.end());
    out.segments.pop_back();
  }
  out.segments.insert(out.segments.end(), tail.begin(), tail.end());
  return out;
}

// ---------------------------------------------------------------- attributes.h

std::uint32_t AsPath::length() const {
  std::uint32_t total = 0;
  for (const AsPathSegment& segment : segments) total += segment_length(segment);
  return total;
}

std::uint32_t AsPath::count(Asn asn) const {
  std::uint32_t total = 0;
  for (const AsPathSegment& segment : segments)
    total += static_cast<std::uint32_t>(std::ranges::count(segment.asns, asn));
  return total;
}

std::optional<Asn> AsPath::first() const {
  if (segments.empty() || segments.front().type != SegmentType::AsSequence || segments.front().asns.empty())
    return std::nullopt;
  return segments.front().asns.front();
}

void AsPath::prepend(Asn asn, std::uint32_t times) {
  for (; times > 0; --times) {
    if (segments.empty() || segments.front().type != SegmentType::AsSequence ||
        segments.front().asns.size() >= kMaxSegment)
      segments.insert(segments.begin(), AsPathSegment{SegmentType::AsSequence, {}});
    segments.front().asns.insert(segments.front().asns.begin(), asn);
  }
}

}  // namespace slash32::bgp
