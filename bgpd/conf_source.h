// Which configuration is in force, and how one that was PUT comes over a restart of the daemon: a copy of it stands
// beside the state file, for this boot and for as long as the configuration file is as it was.
//   {"bootId": "…", "file": "/etc/slash32/bgpd.json", "fileSha256": "…", "at": 1763812345, "config": "…"}
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/result.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// A configuration that was PUT.
struct PutConf {
  std::string file;         // the configuration file whose place it took
  std::string file_sha256;  // of that file's content then; empty: it could not be read
  std::chrono::sys_seconds at;
  std::string text;
  bool operator==(const PutConf&) const = default;
};

struct ConfSource {
  bool put = false;             // else the file's
  std::chrono::sys_seconds at;  // when it was taken
  std::string sha256;           // of its text
  std::string copy;             // where what is PUT is kept: the file's stateFile and ".put"
};

/// Where the copy stands: beside the state file that the configuration file names, so that it is found again whatever
/// the document that was PUT says.
std::string put_conf_path(const std::string& state_file);
/// Nothing where there is none, it is of another boot, or damaged.
std::optional<PutConf> read_put_conf(const std::string& path, const std::string& boot_id);
Status write_put_conf(const std::string& path, const std::string& boot_id, const PutConf& put);
void remove_put_conf(const std::string& path);

/// What a life begins with.
struct StartConf {
  config::BgpdConf conf;
  ConfSource source;
  std::string passed_over;  // why something that was PUT is not taken; empty: there was nothing, or it is
  bool refused = false;     // that is not because of another file, but because of itself
};
/// `text`, the file's content, alone.
StartConf file_start_conf(config::BgpdConf from_file, const std::string& text, std::chrono::sys_seconds now);
/// What was PUT in an earlier life of this boot, if `text`, the file's content, is what it was then; else `from_file`.
StartConf choose_start_conf(config::BgpdConf from_file, const std::string& file, const std::string& text,
                            const std::string& boot_id, std::chrono::sys_seconds now);

std::chrono::sys_seconds wall_clock();

}  // namespace slash32::bgp
