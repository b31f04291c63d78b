// `slash32ctl ipam show`: who holds which address, read from the store itself: it works with every daemon down.
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/ipam_store.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

/// Nothing for a time that is not of this boot: CLOCK_BOOTTIME begins at 0 with each.
std::string since_text(const ipam::Record& record, const Moment& now) {
  if (record.since > now.boot_time || record.since.count() < 0) return {};
  const auto age = std::chrono::duration_cast<std::chrono::system_clock::duration>(now.boot_time - record.since);
  return utc_text(now.wall_time - age);
}

Result<std::vector<ipam::Record>> read_records(const IpamShowQuery& query) {
  auto records = TRY(open_store(query.data_dir).records());
  if (!query.network.empty()) {
    std::erase_if(records, [&](const ipam::Record& one) { return one.key.network != query.network; });
  }
  return records;
}

}  // namespace

std::string render_ipam(const std::vector<ipam::Record>& records, const Moment& now) {
  Table table({{"ADDRESS"}, {"NETWORK"}, {"CONTAINER"}, {"IFNAME"}, {"SINCE"}});
  for (const auto& one : records) {
    table.add({one.address.to_string(), printable(one.key.network), printable(one.key.container_id),
               printable(one.key.ifname), since_text(one, now)});
  }
  return table.empty() ? "no addresses are allocated\n" : table.to_string();
}

nlohmann::json ipam_document(const std::vector<ipam::Record>& records, const Moment& now) {
  auto allocations = nlohmann::json::array();
  for (const auto& one : records) {
    nlohmann::json row{{"address", one.address.to_string()}, {"subnet", one.subnet.to_string()},
                       {"network", one.key.network},         {"containerId", one.key.container_id},
                       {"ifname", one.key.ifname},           {"since", nullptr}};
    if (const auto since = since_text(one, now); !since.empty()) row["since"] = since;
    allocations.push_back(std::move(row));
  }
  return {{"allocations", std::move(allocations)}};
}

Status run_ipam_show(const Options& options, const IpamShowQuery& query, std::ostream& out, std::ostream& notes) {
  const bool is_there = TRY(is_readable(query.data_dir));
  std::vector<ipam::Record> records;
  if (is_there) {
    records = TRY(read_records(query));
  } else {
    notes << "note: " << query.data_dir.string() << " does not exist; the first ADD makes it (see --data-dir)\n";
  }
  const Moment now{.boot_time = ipam::boot_time(), .wall_time = std::chrono::system_clock::now()};
  if (!options.json) {
    print_line(out, render_ipam(records, now));
    return ok();
  }
  // Keys come from CNI callers: what is not UTF-8 must not end the program.
  print_line(out, ipam_document(records, now).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return ok();
}

}  // namespace slash32::ctl
