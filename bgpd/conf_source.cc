#include "bgpd/conf_source.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "common/fd.h"
#include "common/json_field.h"
#include "common/sha256.h"

namespace slash32::bgp {
namespace {

Result<PutConf> read_copy(const std::string& text, const std::string& boot_id) {
  const auto document = TRY(parse_json(text));
  const JsonField root(document);
  if (TRY(root.required("bootId", json::text)) != boot_id) return root.child("bootId").bad("is of another boot");
  PutConf out;
  out.file = TRY(root.required("file", json::text));
  out.file_sha256 = TRY(root.required("fileSha256", json::text));
  out.at = std::chrono::sys_seconds{std::chrono::seconds{TRY(root.required("at", json::integer<std::uint32_t>(0)))}};
  out.text = TRY(root.required("config", json::text));
  return out;
}

}  // namespace

std::string put_conf_path(const std::string& state_file) { return state_file + ".put"; }

std::optional<PutConf> read_put_conf(const std::string& path, const std::string& boot_id) {
  if (boot_id.empty()) return std::nullopt;
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  auto put = read_copy(*text, boot_id);
  return put ? std::optional{*std::move(put)} : std::nullopt;
}

Status write_put_conf(const std::string& path, const std::string& boot_id, const PutConf& put) {
  if (boot_id.empty()) return fail(5, "the kernel's boot ID cannot be read");
  const nlohmann::ordered_json document = {{"bootId", boot_id},
                                           {"file", put.file},
                                           {"fileSha256", put.file_sha256},
                                           {"at", put.at.time_since_epoch().count()},
                                           {"config", put.text}};
  TRY(make_directories(std::filesystem::path(path).parent_path()));
  return write_atomic(path, document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n",
                      0600);
}

void remove_put_conf(const std::string& path) { (void)::unlink(path.c_str()); }

StartConf file_start_conf(config::BgpdConf from_file, const std::string& text, std::chrono::sys_seconds now) {
  StartConf out;
  out.source = {.put = false, .at = now, .sha256 = sha256_hex(text), .copy = put_conf_path(from_file.state_file)};
  out.conf = std::move(from_file);
  return out;
}

StartConf choose_start_conf(config::BgpdConf from_file, const std::string& file, const std::string& text,
                            const std::string& boot_id, std::chrono::sys_seconds now) {
  auto out = file_start_conf(std::move(from_file), text, now);
  const auto put = read_put_conf(out.source.copy, boot_id);
  if (!put) return out;
  if (put->file != file || put->file_sha256 != out.source.sha256) {
    out.passed_over = file + " is another than when it was PUT";
    return out;
  }
  auto checked = config::check_bgpd_conf(put->text);
  if (!checked.errors.empty()) {  // of a version that took what this one does not
    out.passed_over = out.source.copy + ": " + checked.errors.front().message;
    out.refused = true;
    return out;
  }
  out.conf = std::move(checked.conf);
  out.source.put = true;
  out.source.at = put->at;
  out.source.sha256 = sha256_hex(put->text);
  return out;
}

std::chrono::sys_seconds wall_clock() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace slash32::bgp
