// Runs a program under ptrace(2) and numbers every system call of all its threads and children in one sequence, the
// program's own execve(2) being the first. At a given number it kills them all before the call is made, tells the
// program to stop (SIGTERM), or makes the call fail without having been made. It knows nothing of CNI.
//
//   call_tracer --report FILE [--kill N [--spare-children]] [--stop N] [--fail N=ERRNO]... -- PROGRAM [ARGUMENT]...
//
// Input, output and environment are the program's; so is the exit status (128 + signal when it was killed). FILE gets
// {"status": …, "calls": [[process, number], …]}: who made each call (0 is the program, 1 its first child) and which.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef __x86_64__
#error "call_tracer changes registers by name: x86-64 only"
#endif

namespace {

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

struct Plan {
  std::size_t kill_at = 0;  // 0: nothing is killed
  bool spare_children = false;
  std::size_t stop_at = 0;              // 0: nobody is told to stop
  std::map<std::size_t, int> failures;  // call number to errno
  std::string report;
  char** command = nullptr;
};

struct Call {
  std::size_t process;
  std::uint64_t number;
};

struct Thread {
  pid_t process = 0;
  std::optional<long> forced;  // what the call it is in has to return
  bool in_brk = false;
  bool restarting = false;
};

[[noreturn]] void die(const std::string& what) {
  std::perror(("call_tracer: " + what).c_str());
  std::exit(125);
}

/// The process (thread group) of a thread.
pid_t process_of(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Tgid:")) return static_cast<pid_t>(std::strtol(line.c_str() + 5, nullptr, 10));
  return thread;
}

void set_register(pid_t thread, std::size_t offset, long value) {
  // A thread that was killed meanwhile (ESRCH) has no registers any more, and makes no call either.
  if (::ptrace(PTRACE_POKEUSER, thread, offset, value) != 0 && errno != ESRCH) die("set a register");
}

/// What a call returns that the kernel makes again by itself, unseen by the program: writing to /proc/sys/net does so
/// until nobody else holds the networking lock. The program made one call.
constexpr long kErestartNoIntr = -513;

class Tracer {
 public:
  explicit Tracer(const Plan& plan) : plan_(plan) {}
  /// Runs the plan to the end of the last process; the program's wait status.
  int run();
  /// What each call was.
  const std::vector<Call>& calls() const { return calls_; }

 private:
  void start();
  void on_stop(pid_t thread, int status);
  void on_call(pid_t thread);
  void on_entry(pid_t thread, Thread& state, std::uint64_t number);
  void on_exit(pid_t thread, Thread& state, long result);
  void kill_all() const;
  std::size_t ordinal(pid_t process);

  const Plan& plan_;
  pid_t program_ = -1;
  bool killing_ = false;
  long break_ = 0;  // the program's break, for a brk(2) that has to fail: it answers with the old one, never with errno
  std::map<pid_t, Thread> threads_;
  std::map<pid_t, std::size_t> processes_;
  std::vector<Call> calls_;
};

void Tracer::start() {
  program_ = ::fork();
  if (program_ < 0) die("fork");
  if (program_ == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(125);
    ::raise(SIGSTOP);
    ::execv(plan_.command[0], plan_.command);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(program_, &status, 0) != program_ || !WIFSTOPPED(status)) die("wait for the program's start");
  if (::ptrace(PTRACE_SETOPTIONS, program_, nullptr, kOptions) != 0) die("trace");
  threads_[program_] = {.process = program_, .forced = {}};
  (void)ordinal(program_);
  if (::ptrace(PTRACE_SYSCALL, program_, nullptr, nullptr) != 0) die("start the program");
}

int Tracer::run() {
  start();
  int ended = 0;
  for (;;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0 && errno == ECHILD) return ended;
    if (thread < 0) die("wait");
    if (WIFSTOPPED(status)) {
      on_stop(thread, status);
      continue;
    }
    threads_.erase(thread);
    if (thread == program_) ended = status;
  }
}

void Tracer::on_stop(pid_t thread, int status) {
  const bool newborn = !threads_.contains(thread);
  if (newborn) threads_[thread] = {.process = process_of(thread), .forced = {}};
  if (killing_ && (!plan_.spare_children || threads_[thread].process == program_)) return kill_all();  // born meanwhile
  const bool is_event = status >> 16 != 0;
  const bool is_first = newborn && WSTOPSIG(status) == SIGSTOP;  // of a thread or child
  long deliver = 0;
  if (WSTOPSIG(status) == (SIGTRAP | 0x80))
    on_call(thread);
  else if (!is_event && !is_first)
    deliver = WSTOPSIG(status);
  (void)::ptrace(PTRACE_SYSCALL, thread, nullptr, deliver);  // ESRCH: killed meanwhile
}

void Tracer::on_call(pid_t thread) {
  // Not <linux/ptrace.h>'s ptrace_syscall_info: it cannot be included beside <sys/ptrace.h>.
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) on_entry(thread, threads_[thread], info.entry.nr);
  if (info.op == PTRACE_SYSCALL_INFO_EXIT) on_exit(thread, threads_[thread], static_cast<long>(info.exit.rval));
}

void Tracer::on_entry(pid_t thread, Thread& state, std::uint64_t number) {
  if (std::exchange(state.restarting, false)) return;
  calls_.push_back({ordinal(state.process), number});
  if (calls_.size() == plan_.kill_at) {
    killing_ = true;
    return kill_all();
  }
  if (calls_.size() == plan_.stop_at) (void)::kill(program_, SIGTERM);
  state.in_brk = number == SYS_brk;
  const auto failure = plan_.failures.find(calls_.size());
  if (failure == plan_.failures.end()) return;
  state.forced = state.in_brk ? break_ : -failure->second;
  set_register(thread, offsetof(user_regs_struct, orig_rax), -1);  // no such call: the kernel makes none
}

void Tracer::on_exit(pid_t thread, Thread& state, long result) {
  if (state.in_brk && !state.forced && state.process == program_) break_ = result;
  if (state.forced) set_register(thread, offsetof(user_regs_struct, rax), *state.forced);
  state.forced.reset();
  state.restarting = result == kErestartNoIntr;
}

/// A thread killed at the entry of a call does not make it.
void Tracer::kill_all() const {
  for (const auto& [thread, state] : threads_)
    if (!plan_.spare_children || state.process == program_) (void)::kill(state.process, SIGKILL);
}

std::size_t Tracer::ordinal(pid_t process) { return processes_.try_emplace(process, processes_.size()).first->second; }

std::size_t number_of(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
    std::fprintf(stderr, "call_tracer: not a positive number: %.*s\n", static_cast<int>(text.size()), text.data());
    std::exit(125);
  }
  return value;
}

Plan read_arguments(char** argument) {
  Plan plan;
  for (++argument; *argument != nullptr; ++argument) {
    const std::string_view word = *argument;
    if (word == "--") {
      plan.command = argument + 1;
      break;
    }
    if (word == "--spare-children") {
      plan.spare_children = true;
      continue;
    }
    if (argument[1] == nullptr) break;
    const std::string_view value = *++argument;
    const std::size_t equals = value.find('=');
    if (word == "--report")
      plan.report = value;
    else if (word == "--kill")
      plan.kill_at = number_of(value);
    else if (word == "--stop")
      plan.stop_at = number_of(value);
    else if (word == "--fail" && equals != std::string_view::npos)
      plan.failures[number_of(value.substr(0, equals))] = static_cast<int>(number_of(value.substr(equals + 1)));
    else
      break;
  }
  if (plan.command == nullptr || *plan.command == nullptr || plan.report.empty()) {
    std::fputs(
        "usage: call_tracer --report FILE [--kill N [--spare-children]] [--stop N] [--fail N=ERRNO]... -- PROGRAM...\n",
        stderr);
    std::exit(125);
  }
  return plan;
}

}  // namespace

int main(int, char** argv) {
  const Plan plan = read_arguments(argv);
  Tracer tracer(plan);
  const int status = tracer.run();
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  std::ofstream report(plan.report);
  report << "{\"status\": " << code << ", \"calls\": [";
  const char* separator = "";
  for (const auto& call : tracer.calls()) {
    report << separator << '[' << call.process << ", " << call.number << ']';
    separator = ", ";
  }
  report << "]}\n";
  if (!report.flush()) die("write " + plan.report);
  return code;
}
