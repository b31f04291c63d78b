#include "ipam/fault_guard.h"

#include <cstdlib>

namespace slash32::ipam {
namespace {

constexpr int kSignals[3] = {SIGSEGV, SIGBUS, SIGFPE};  // SIGFPE: a page size of zero

}  // namespace

thread_local sigjmp_buf* volatile FaultGuard::jump_ = nullptr;

FaultGuard::FaultGuard() {
  struct sigaction action{};
  action.sa_handler = on_fault;
  action.sa_flags = SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

FaultGuard::~FaultGuard() {
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

void FaultGuard::on_fault(int signal) {
  if (jump_ != nullptr) siglongjmp(*jump_, 1);
  // A fault of our own code: die of it as if nobody had caught it.
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  ::raise(signal);
}

void FaultGuard::give_up() {
  if (jump_ != nullptr) siglongjmp(*jump_, 1);
  std::abort();
}

}  // namespace slash32::ipam
