// Executes many programs at the same moment and prints how many microseconds passed until the last had ended, and the
// largest of their peak resident sizes in kB (an exec begins with the peak of what it replaces: ours, which is small).
//   volley < LINES      each line: STDIN-FILE, then environment assignments, then --, then the program and its
//                       arguments, all separated by tabs. Exit status 1 when one of them failed, and what those
//                       printed on standard error.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Shot {
  std::string input;
  std::vector<std::string> environment;
  std::vector<std::string> command;
  int output = -1;
  pid_t pid = -1;
};

Shot parse(const std::string& line) {
  Shot shot;
  std::istringstream in(line);
  std::string word;
  std::getline(in, shot.input, '\t');
  bool command = false;
  while (std::getline(in, word, '\t')) {
    if (word == "--")
      command = true;
    else
      (command ? shot.command : shot.environment).push_back(word);
  }
  return shot;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Waits for the pipe to close: all are let go by one event.
[[noreturn]] void become(Shot& shot, int gate) {
  auto command = pointers(shot.command);
  auto environment = pointers(shot.environment);
  const int input = ::open(shot.input.c_str(), O_RDONLY | O_CLOEXEC);
  if (input < 0 || ::dup2(input, 0) < 0 || ::dup2(shot.output, 1) < 0) ::_exit(1);
  char byte = 0;
  while (::read(gate, &byte, 1) > 0) {
  }
  ::execve(command[0], command.data(), environment.data());
  ::_exit(1);
}

void tell(const Shot& shot) {
  std::array<char, 4096> text{};
  const auto size = ::pread(shot.output, text.data(), text.size(), 0);
  std::fprintf(stderr, "%s: %.*s\n", shot.command[0].c_str(), static_cast<int>(size > 0 ? size : 0), text.data());
}

/// Waits for all; whether none failed.
bool all_succeed(const std::vector<Shot>& shots) {
  std::vector<pid_t> failed;
  int status = 0;
  for (pid_t pid = ::wait(&status); pid > 0; pid = ::wait(&status))
    if (status != 0) failed.push_back(pid);
  for (const auto& shot : shots)
    if (std::find(failed.begin(), failed.end(), shot.pid) != failed.end()) tell(shot);
  return failed.empty();
}

}  // namespace

int main() {
  std::vector<Shot> shots;
  for (std::string line; std::getline(std::cin, line);) shots.push_back(parse(line));
  std::array<int, 2> gate{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0) return 1;
  for (auto& shot : shots) {
    shot.output = ::memfd_create("output", MFD_CLOEXEC);
    shot.pid = ::fork();
    if (shot.output < 0 || shot.pid < 0) return 1;
    if (shot.pid == 0) {
      ::close(gate[1]);
      become(shot, gate[0]);
    }
  }
  ::usleep(20'000);  // all stand at the gate; one that does not yet makes the volley longer, in either arm
  const auto begin = std::chrono::steady_clock::now();
  ::close(gate[1]);
  const bool good = all_succeed(shots);
  const auto took = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  std::printf("%ld %ld\n", static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
              usage.ru_maxrss);
  return good ? 0 : 1;
}
