// How slash32 carries errors: std::expected, never an exception.
// Error is for people: a CNI error code, a sentence that says what went wrong from outside in, and details.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace slash32 {

/// An error a person will read. `code` is a CNI error code (common/cni/error.h) and means nothing in the daemons.
struct [[nodiscard]] Error {
  int code = 999;       // CNI: internal error
  std::string message;  // "add eth0 to c0ffee: open netns /run/netns/x: No such file or directory"
  std::string details;  // optional: numbers, hints
  bool operator==(const Error&) const = default;
};

template <class T, class E = Error>
using Result = std::expected<T, E>;
using Status = std::expected<void, Error>;

inline Status ok() { return {}; }

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }
inline std::unexpected<Error> fail(int code, std::string message, std::string details = {}) {
  return fail(Error{code, std::move(message), std::move(details)});
}

/// fail() with ": " and the text of `error_number` (an errno value) behind `what`. Code 5: I/O failure.
std::unexpected<Error> sys_fail(const std::string& what, int error_number);
/// The same with the current errno.
std::unexpected<Error> sys_fail(const std::string& what);

/// Puts "outer: " before an error's message, so that messages read from outside in.
Error in(const std::string& outer, Error error);

}  // namespace slash32

/// The value of a Result, or an early return of its error from the enclosing function. The tree's only macro.
#define TRY(...)                                              \
  ({                                                          \
    auto&& try_result_ = (__VA_ARGS__);                       \
    if (!try_result_) [[unlikely]]                            \
      return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                  \
  })
