// slash32ctl mrt dump: the table as an MRT file (RFC 6396), whole or not at all.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ostream>

#include "common/fd.h"
#include "common/scope_guard.h"
#include "ctl/commands.h"
#include "ctl/http_client.h"

namespace slash32::ctl {
namespace {

constexpr std::string_view kTarget = "/v1/mrt/table";
constexpr unsigned kMode = 0640;

/// What `take` could not do; the stream itself ends without an error where it has enough.
Status dump_to(const Options& options, int fd, const std::string& name) {
  Status written = ok();
  TRY(stream(options.socket, kTarget, [&](std::string_view bytes) {
    written = write_all(fd, bytes);
    return written.has_value();
  }));
  if (!written) return fail(in(name, std::move(written).error()));
  return ok();
}

}  // namespace

Status run_mrt_dump(const Options& options, const std::string& file, std::ostream& out) {
  if (file == "-") return dump_to(options, STDOUT_FILENO, "standard output");
  const std::string part = file + ".part";
  UniqueFd fd{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kMode)};
  if (!fd) return sys_fail("open " + part);
  ScopeGuard remove{[&] { (void)::unlink(part.c_str()); }};
  TRY(dump_to(options, fd.get(), part));
  struct stat made{};
  if (::fsync(fd.get()) != 0 || ::fstat(fd.get(), &made) != 0) return sys_fail("write " + part);
  if (::rename(part.c_str(), file.c_str()) != 0) return sys_fail("rename " + part + " to " + file);
  remove.dismiss();
  out << file << ": " << made.st_size << " octets\n";
  return ok();
}

}  // namespace slash32::ctl
