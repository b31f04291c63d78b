// What every part of the tester needs: time, options of the form key=value, and an end with a reason.
#pragma once

#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>

namespace bench {

/// Ends the program: `what` and, where there is one, the reason of the last system call.
[[noreturn]] inline void die(const std::string& what, int error = 0) {
  if (error != 0)
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(error));
  else
    std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

/// Seconds of CLOCK_MONOTONIC, which Python's time.monotonic() reads as well.
inline double now() {
  timespec t{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// CPU seconds of this process, the kernel's work for it included.
inline double cpu_seconds() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The arguments of the program. A key that is not there and has no default ends it.
class Options {
 public:
  Options(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
      const std::string word = argv[i];
      const auto at = word.find('=');
      if (at == std::string::npos) die("not key=value: " + word);
      values_[word.substr(0, at)] = word.substr(at + 1);
    }
  }
  std::string text(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) die("missing " + key + "=");
    return found->second;
  }
  std::uint64_t number(const std::string& key) const {
    const std::string value = text(key);
    char* end = nullptr;
    const std::uint64_t out = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || *end != 0) die(key + "=" + value + " is not a number");
    return out;
  }
  std::uint64_t number(const std::string& key, std::uint64_t otherwise) const {
    return values_.contains(key) ? number(key) : otherwise;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace bench
