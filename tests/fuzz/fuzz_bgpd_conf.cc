// Any text as bgpd.json: refused with a place, or read, printed with every default, and read again to the same values
// (printed, since a neighbour's group is written out by then).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/bgpd_conf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slash32::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto checked = check_bgpd_conf(text);
  for (const auto& error : checked.errors)
    if (error.message.empty()) std::abort();
  const auto read = read_bgpd_conf(text);
  if (read.has_value() != checked.errors.empty()) std::abort();
  if (!read) return 0;
  const auto printed = print_bgpd_conf(*read);
  const auto again = read_bgpd_conf(printed);
  if (!again || print_bgpd_conf(*again) != printed) std::abort();
  return 0;
}
