#include "common/result.h"

#include <cerrno>
#include <cstring>

namespace slash32 {

std::unexpected<Error> sys_fail(const std::string& what, int error_number) {
  return fail(5, what + ": " + ::strerror(error_number));
}

std::unexpected<Error> sys_fail(const std::string& what) { return sys_fail(what, errno); }

Error in(const std::string& outer, Error error) {
  error.message = outer + ": " + error.message;
  return error;
}

}  // namespace slash32
