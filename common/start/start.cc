// How a static program starts, without asking the processor who it is.
//
// A static program of glibc 2.36 executes CPUID 68 times before main(), to choose among its string functions. On bare
// metal each takes some hundred cycles. In a virtual machine each is a way to the hypervisor and back: 8 us on a guest
// of a guest, 0.6 ms of an ADD that takes 1.9. The plugin and the IPAM live for a millisecond or two and move a few
// kilobytes: the string functions that every x86-64 has will do. So this stands in the place of __libc_start_main() and
// takes its steps in their order, but for that one. The one of libc.a, with all that asks, is not linked.
//
// The steps are glibc's own and may change with any version: for any but the one that they were read from, and for
// other processors, this file is empty, and glibc starts the program. A libc.a whose libc-start.o is needed for
// something else ends the link with a symbol defined twice.
#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>

namespace {

constexpr long kDataCache = 32 * 1024, kSharedCache = 1024 * 1024, kNonTemporal = kSharedCache / 4 * 3;  // octets

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming): glibc's names.
extern "C" {

using Main = int (*)(int, char**, char**);
using Constructor = void (*)(int, char**, char**);
using Destructor = void (*)();

// glibc's, not for others; all but the last of them defined in libc.a.
extern void* __libc_stack_end;
extern const std::uintptr_t* _dl_random;  // AT_RANDOM: 16 octets of the kernel's
void _dl_aux_init(ElfW(auxv_t) * auxiliary);
void __tunables_init(char** environment);
void __libc_setup_tls();
void __libc_early_init(bool initial);
void __libc_init_first(int argc, char** argv, char** environment);
int __cxa_atexit(void (*function)(void*), void* argument, void* object);
void _init();
void _fini();

// The linker's.
extern const ElfW(Rela) __rela_iplt_start[], __rela_iplt_end[];
extern const Constructor __preinit_array_start[], __preinit_array_end[], __init_array_start[], __init_array_end[];
extern const Destructor __fini_array_start[], __fini_array_end[];

// What memcpy() and memset() of every x86-64 ask about caches: those of a small processor. The real sizes, which CPUID
// would tell, only matter to copies of hundreds of kilobytes. They must be there before the first copy, which comes
// before any constructor: constinit.
constinit long __x86_data_cache_size = kDataCache;
constinit long __x86_data_cache_size_half = kDataCache / 2;
constinit long __x86_shared_cache_size = kSharedCache;
constinit long __x86_shared_cache_size_half = kSharedCache / 2;
constinit long __x86_shared_non_temporal_threshold = kNonTemporal;
constinit long __x86_rep_movsb_threshold = 2048;
constinit long __x86_rep_movsb_stop_threshold = kNonTemporal;
constinit long __x86_rep_stosb_threshold = 2048;
constinit int __x86_string_control = 0;

}  // extern "C"

namespace {

/// strlen() and its like are pointers until somebody chose: each relocation names a function that returns the choice.
[[gnu::no_stack_protector]] void choose_functions() {
  for (const auto* entry = __rela_iplt_start; entry != __rela_iplt_end; ++entry) {
    const auto choose = reinterpret_cast<ElfW(Addr) (*)()>(entry->r_addend);
    *reinterpret_cast<ElfW(Addr)*>(entry->r_offset) = choose();
  }
}

/// Where the compiler's stack protector and setjmp() look for their secrets: behind %fs, at places of the x86-64 ABI.
/// The canary begins with a zero, so that no text runs over it.
[[gnu::no_stack_protector]] void set_guards() {
  const std::uintptr_t canary = _dl_random[0] & ~std::uintptr_t{0xff};
  asm volatile("movq %0, %%fs:0x28" : : "r"(canary));
  asm volatile("movq %0, %%fs:0x30" : : "r"(_dl_random[1]));
}

void construct(int argc, char** argv, char** environment) {
  for (const auto constructor : std::span(__preinit_array_start, __preinit_array_end)) {
    constructor(argc, argv, environment);
  }
  _init();
  for (const auto constructor : std::span(__init_array_start, __init_array_end)) {
    constructor(argc, argv, environment);
  }
}

void destroy(void* /*unused*/) {
  for (const auto* destructor = __fini_array_end; destructor != __fini_array_start;) {
    (*--destructor)();
  }
  _fini();
}

}  // namespace

/// Called by _start of crt1.o, with the arguments that the ABI has for it; does not return. Not for programs with
/// set-user-ID, whose standard descriptors nobody looks after here, nor for position-independent ones, nor for a main()
/// that ends with pthread_exit().
extern "C" [[noreturn, gnu::no_stack_protector]] void __libc_start_main(Main main, int argc, char** argv, Main /*init*/,
                                                                        Destructor /*fini*/, Destructor /*loader_fini*/,
                                                                        void* stack_end) {
  char** const environment = argv + argc + 1;
  environ = environment;
  __libc_stack_end = stack_end;
  char** end = environment;
  while (*end != nullptr) {
    ++end;
  }
  _dl_aux_init(reinterpret_cast<ElfW(auxv_t)*>(end + 1));
  __tunables_init(environment);
  choose_functions();  // before the first call of any of them
  __libc_setup_tls();
  set_guards();
  __libc_early_init(true);
  __libc_init_first(argc, argv, environment);
  __cxa_atexit(destroy, nullptr, nullptr);
  construct(argc, argv, environment);
  std::exit(main(argc, argv, environment));
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)

#endif
