// Reading a damaged file through a memory map can fault (SIGBUS behind its end, SIGSEGV along a wild offset), and LMDB
// aborts on broken invariants. Here both become a value, so that a damaged store is an error and never a crash.
#pragma once

#include <csetjmp>
#include <csignal>

namespace slash32::ipam {

/// While one exists, SIGSEGV, SIGBUS and SIGFPE inside run() end that run. Outside run() they do what they did before.
/// One thread at a time; instances may nest.
class FaultGuard {
 public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  /// The value of `work()`, or `faulted` when it faulted. `work` is left by a jump: it must own nothing that needs a
  /// destructor, and what it was working on must not be touched again.
  template <class F>
  static int run(F work, int faulted) {
    sigjmp_buf here;
    sigjmp_buf* const outer = jump_;
    if (sigsetjmp(here, 0) != 0) {  // no signal mask to restore: the handler is SA_NODEFER
      jump_ = outer;
      return faulted;
    }
    jump_ = &here;
    const int result = work();
    jump_ = outer;
    return result;
  }
  /// Ends the innermost run() as a fault would. For LMDB's assertions.
  [[noreturn]] static void give_up();

 private:
  static void on_fault(int signal);
  static thread_local sigjmp_buf* volatile jump_;
  struct sigaction before_[3];
};

}  // namespace slash32::ipam
