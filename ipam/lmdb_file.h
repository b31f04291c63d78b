// One LMDB file with one transaction open: bytes in order of their keys. Nothing here knows what they mean. Every call
// into LMDB is guarded, so that a damaged file is an error (kDamagedFile) and never a crash.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "ipam/fault_guard.h"
#include "ipam/store_fault.h"

struct MDB_env;
struct MDB_txn;
struct MDB_val;

namespace slash32::ipam {

class LmdbFile {
 public:
  enum class Mode { Read, Write, Create };

  /// `file_size` is what the file has; Create gives it that size, allocated. Writing stops at `may_fill` bytes.
  static Result<std::unique_ptr<LmdbFile>> open(const std::filesystem::path& path, Mode mode, std::size_t file_size,
                                                std::size_t may_fill);
  /// Without commit() nothing has happened.
  ~LmdbFile();
  LmdbFile(const LmdbFile&) = delete;
  LmdbFile& operator=(const LmdbFile&) = delete;

  Result<std::optional<std::string>> get(std::string_view key);
  /// Keys that begin with `prefix`, in order, from the first that is not below `from`, until the visitor says false.
  /// The visitor must not write.
  Status walk(std::string_view from, std::string_view prefix,
              const std::function<Result<bool>(std::string_view key, std::string_view value)>& visit);
  Status put(std::string_view key, std::string_view value);
  /// A key that is not there is success.
  Status remove(std::string_view key);
  Status commit();

 private:
  explicit LmdbFile(std::filesystem::path path) : path_(std::move(path)) {}
  Status start(Mode mode, std::size_t file_size, std::size_t may_fill);
  Status begin(bool read_only);
  Status check_extent(std::size_t file_size);
  std::unexpected<Error> bad(const std::string& what, int code);
  template <class F>
  int guarded(F work);

  std::filesystem::path path_;
  FaultGuard guard_;
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  unsigned dbi_ = 0;
  bool faulted_ = false;  // LMDB was left by a jump: it must not be called again
};

}  // namespace slash32::ipam
