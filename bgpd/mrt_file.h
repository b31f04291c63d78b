// A file of records that nobody waits for: they are queued here and written by a thread of its own. A disk that is
// slow, full or gone costs records, which are counted, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"

namespace slash32::bgp {

class MrtFile {
 public:
  struct Settings {
    std::string pattern;                // mrt/file_name.h
    Seconds rotate{0};                  // 0: never
    std::uint64_t rotate_bytes = 0;     // a file that would have more is set aside, as FILE.1; 0: never
    std::size_t most_queued = 4 << 20;  // octets; as many more may be with the disk
    Milliseconds retry{5000};           // what cannot be opened is tried again so often; a thread, when a record comes
  };
  struct Status {
    std::uint64_t written = 0, dropped = 0;  // records
    std::size_t queued = 0;                  // octets
    std::string trouble;                     // why nothing is written at the moment; empty: it is
  };

  /// Starts the thread, which opens the file for appending, makes it (mode 0640) where it is missing, and keeps others
  /// of us out of it by flock(2). It must be a regular file. It is made again where somebody takes it away.
  explicit MrtFile(Settings settings);
  /// Has what is queued written, and waits a second for that at most.
  ~MrtFile();
  MrtFile(const MrtFile&) = delete;
  MrtFile& operator=(const MrtFile&) = delete;

  /// Queues a whole record, or counts it as dropped where there is no room. Never waits for the disk.
  void put(const std::vector<std::uint8_t>& record);
  Status status() const;

 private:
  void begin();
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace slash32::bgp
