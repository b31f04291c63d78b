#include "plugin/prefault.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

// The linker's: where the program begins in memory, and where its code ends.
extern "C" const char __executable_start;
extern "C" const char etext;

namespace slash32::plugin {

void map_code() {
  const auto* const begin = &__executable_start;  // the start of a page
  const auto size = reinterpret_cast<std::uintptr_t>(&etext) - reinterpret_cast<std::uintptr_t>(begin);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  (void)::madvise(const_cast<char*>(begin), (size + page - 1) / page * page, MADV_POPULATE_READ);
}

}  // namespace slash32::plugin
