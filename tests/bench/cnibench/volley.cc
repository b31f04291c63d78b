// Executes many programs at the same moment and prints how many microseconds passed until the last had ended, and the
// largest of their peak resident sizes in kB (an exec begins with the peak of what it replaces: ours, which is small).
//   volley < LINES      each line: STDIN-FILE, then environment assignments, then --, then the program and its
//                       arguments, all separated by tabs. Exit status 1 when one of them failed.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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
  const int output = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (input < 0 || output < 0 || ::dup2(input, 0) < 0 || ::dup2(output, 1) < 0) ::_exit(1);
  char byte = 0;
  while (::read(gate, &byte, 1) > 0) {
  }
  ::execve(command[0], command.data(), environment.data());
  ::_exit(1);
}

}  // namespace

int main() {
  std::vector<Shot> shots;
  for (std::string line; std::getline(std::cin, line);) shots.push_back(parse(line));
  std::array<int, 2> gate{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0) return 1;
  for (auto& shot : shots) {
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) {
      ::close(gate[1]);
      become(shot, gate[0]);
    }
  }
  ::usleep(20'000);  // all stand at the gate; one that does not yet makes the volley longer, in either arm
  const auto begin = std::chrono::steady_clock::now();
  ::close(gate[1]);
  int failed = 0;
  for (int status = 0; ::wait(&status) > 0;) failed += status != 0 ? 1 : 0;
  const auto took = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  std::printf("%ld %ld\n", static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
              usage.ru_maxrss);
  return failed == 0 ? 0 : 1;
}
