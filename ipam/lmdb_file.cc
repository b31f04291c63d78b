#include "ipam/lmdb_file.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/cni/error.h"
#include "common/scope_guard.h"
#include "ipam/store.h"

namespace slash32::ipam {
namespace {

constexpr int kFaulted = MDB_CORRUPTED;
/// NOLOCK: we have our own (store_lock.h). NOSYNC: a killed process loses nothing, and what a dead machine loses is of
/// no use to the next boot. NOTLS: no thread-specific data.
constexpr unsigned kFlags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;

/// More entries than a file of this size can have: the tree goes in circles.
constexpr unsigned kMaxSteps = 1U << 20;

void on_assert(MDB_env*, const char*) { FaultGuard::give_up(); }

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

/// What LMDB says when its file is not what it wrote.
bool means_damage(int code) {
  constexpr std::array kDamage = {MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_PANIC,        MDB_VERSION_MISMATCH, MDB_INVALID,
                                  MDB_CURSOR_FULL,   MDB_PAGE_FULL, MDB_INCOMPATIBLE, MDB_BAD_RSLOT,        MDB_BAD_TXN,
                                  MDB_BAD_VALSIZE,   MDB_BAD_DBI,   MDB_TXN_FULL};
  return std::ranges::find(kDamage, code) != kDamage.end();
}

/// Environments LMDB was jumped out of: lost, but not leaked, until the process ends.
std::vector<MDB_env*>& abandoned() {
  static std::vector<MDB_env*> all;
  return all;
}

/// A key and a value, copied out of the map while the guard is up.
struct Copy {
  std::array<char, format::kMaxKey> key;
  std::array<char, format::kMaxValue> value;
  std::size_t key_size = 0;
  std::size_t value_size = 0;

  int from(const MDB_val* k, const MDB_val& v) {
    if ((k != nullptr && k->mv_size > key.size()) || v.mv_size > value.size()) return MDB_CORRUPTED;
    if (k != nullptr) std::memcpy(key.data(), k->mv_data, key_size = k->mv_size);
    std::memcpy(value.data(), v.mv_data, value_size = v.mv_size);
    return MDB_SUCCESS;
  }
};

bool has_memory_for(std::size_t size) {
  void* probe = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return false;
  ::munmap(probe, size);
  return true;
}

}  // namespace

template <class F>
int LmdbFile::guarded(F work) {
  if (faulted_) return kFaulted;
  constexpr int kJumped = -1;  // no code of LMDB's
  const int code = FaultGuard::run(work, kJumped);
  if (code != kJumped) return code;
  faulted_ = true;
  abandoned().push_back(env_);
  return kFaulted;
}

std::unexpected<Error> LmdbFile::bad(const std::string& what, int code) {
  const std::string where = what + " " + path_.string();
  if (code == MDB_MAP_FULL)
    return fail(cni::kTryAgainLater, where + ": the store is full; no more addresses can be recorded");
  if (means_damage(code)) return fail(kDamagedFile, where + ": damaged: " + ::mdb_strerror(code));
  return disk_fail(where, code);
}

Result<std::unique_ptr<LmdbFile>> LmdbFile::open(const std::filesystem::path& path, Mode mode, std::size_t file_size,
                                                 std::size_t may_fill) {
  auto file = std::unique_ptr<LmdbFile>(new LmdbFile(path));
  TRY(file->start(mode, file_size, may_fill));
  return file;
}

Status LmdbFile::start(Mode mode, std::size_t file_size, std::size_t may_fill) {
  struct stat info{};
  if (mode != Mode::Create) {
    if (::stat(path_.c_str(), &info) != 0) return sys_fail("look at " + path_.string());
    if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) != file_size)
      return fail(kDamagedFile, path_.string() + ": damaged: not a file of " + std::to_string(file_size) + " bytes");
  }
  if (const int code = ::mdb_env_create(&env_); code != 0) return bad("open", code);
  ::mdb_env_set_assert(env_, on_assert);
  ::mdb_env_set_mapsize(env_, may_fill);
  const unsigned flags = kFlags | (mode == Mode::Read ? MDB_RDONLY : 0U);
  const int code = guarded([&] { return ::mdb_env_open(env_, path_.c_str(), flags, 0600); });
  if ((code == ENOMEM && has_memory_for(may_fill)) || code == EINVAL)  // sizes out of a damaged header
    return fail(kDamagedFile, path_.string() + ": damaged: impossible sizes");
  if (code != 0) return bad("open", code);
  if (mode == Mode::Create) {
    mdb_filehandle_t fd = -1;
    ::mdb_env_get_fd(env_, &fd);
    if (const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(file_size)); error != 0)
      return disk_fail("allocate " + std::to_string(file_size) + " bytes for " + path_.string(), error);
  }
  TRY(check_extent(file_size));
  return begin(mode == Mode::Read);
}

/// LMDB believes the header's count of pages: it must lie within the file.
Status LmdbFile::check_extent(std::size_t file_size) {
  MDB_envinfo info{};
  MDB_stat stat{};
  int code = guarded([&] { return ::mdb_env_info(env_, &info); });
  if (code == 0) code = guarded([&] { return ::mdb_env_stat(env_, &stat); });
  if (code != 0) return bad("open", code);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (stat.ms_psize != page || info.me_last_pgno >= file_size / page || info.me_mapsize > file_size)
    return fail(kDamagedFile, path_.string() + ": damaged: its header names pages that are not there");
  return ok();
}

Status LmdbFile::begin(bool read_only) {
  int code = guarded([&] { return ::mdb_txn_begin(env_, nullptr, read_only ? MDB_RDONLY : 0U, &txn_); });
  if (code != 0) return bad("begin a transaction on", code);
  code = guarded([&] { return ::mdb_dbi_open(txn_, nullptr, 0, &dbi_); });
  if (code != 0) return bad("open", code);
  return ok();
}

LmdbFile::~LmdbFile() {
  (void)guarded([&] {
    if (txn_ != nullptr) ::mdb_txn_abort(txn_);
    if (env_ != nullptr) ::mdb_env_close(env_);
    return 0;
  });
}

Result<std::optional<std::string>> LmdbFile::get(std::string_view key) {
  Copy copy;
  MDB_val k = value_of(key);
  MDB_val v{};
  const int code = guarded([&] {
    const int got = ::mdb_get(txn_, dbi_, &k, &v);
    return got == 0 ? copy.from(nullptr, v) : got;
  });
  if (code == MDB_NOTFOUND) return std::optional<std::string>{};
  if (code != 0) return bad("read", code);
  return std::optional<std::string>{std::string(copy.value.data(), copy.value_size)};
}

Status LmdbFile::walk(std::string_view from, std::string_view prefix,
                      const std::function<Result<bool>(std::string_view, std::string_view)>& visit) {
  MDB_cursor* cursor = nullptr;
  if (const int code = guarded([&] { return ::mdb_cursor_open(txn_, dbi_, &cursor); }); code != 0)
    return bad("read", code);
  ScopeGuard close{[&] {
    (void)guarded([&] {
      ::mdb_cursor_close(cursor);
      return 0;
    });
  }};
  Copy copy;
  MDB_cursor_op step = MDB_SET_RANGE;
  for (unsigned steps = 0; steps < kMaxSteps; ++steps) {
    MDB_val k = value_of(from);
    MDB_val v{};
    const int code = guarded([&] {
      const int got = ::mdb_cursor_get(cursor, &k, &v, step);
      return got == 0 ? copy.from(&k, v) : got;
    });
    if (code == MDB_NOTFOUND) return ok();
    if (code != 0) return bad("read", code);
    const std::string_view key(copy.key.data(), copy.key_size);
    if (!key.starts_with(prefix)) return ok();
    if (!TRY(visit(key, std::string_view(copy.value.data(), copy.value_size)))) return ok();
    step = MDB_NEXT;
  }
  return bad("read", MDB_CORRUPTED);
}

Status LmdbFile::put(std::string_view key, std::string_view value) {
  MDB_val k = value_of(key);
  MDB_val v = value_of(value);
  if (const int code = guarded([&] { return ::mdb_put(txn_, dbi_, &k, &v, 0); }); code != 0) return bad("write", code);
  return ok();
}

Status LmdbFile::remove(std::string_view key) {
  MDB_val k = value_of(key);
  const int code = guarded([&] { return ::mdb_del(txn_, dbi_, &k, nullptr); });
  if (code != 0 && code != MDB_NOTFOUND) return bad("write", code);
  return ok();
}

Status LmdbFile::commit() {
  MDB_txn* const done = std::exchange(txn_, nullptr);  // LMDB frees it whatever comes
  if (const int code = guarded([&] { return ::mdb_txn_commit(done); }); code != 0) return bad("commit", code);
  return ok();
}

}  // namespace slash32::ipam
