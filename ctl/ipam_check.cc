// `slash32ctl ipam check`: the store, the kernel's links and its routes held against each other. The store's lock is
// taken for each look alone; no daemon is asked.
#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/ipam_audit.h"
#include "ctl/ipam_store.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

/// Between two looks that only confirm; with --fix the query's interval counts in full.
constexpr std::chrono::milliseconds kConfirmation{1'000};
/// With --fix: less would see one moment twice.
constexpr std::chrono::milliseconds kLeastInterval{1'000};

std::string_view to_string(ipam::Survey::State state) {
  switch (state) {
    case ipam::Survey::State::Missing:
      return "missing";
    case ipam::Survey::State::OtherBoot:
      return "otherBoot";
    case ipam::Survey::State::Sound:
      return "sound";
    case ipam::Survey::State::Damaged:
      break;
  }
  return "damaged";
}

struct Report {
  ipam::Survey survey;
  std::vector<Finding> findings;
  std::optional<ipam::Mended> mended;

  bool is_clean() const { return std::ranges::none_of(findings, &Finding::counts); }
};

class Check {
 public:
  Check(const IpamCheckQuery& query, const std::vector<Network>& networks, ipam::Ipam& store)
      : query_(query), networks_(networks), store_(store) {}

  Result<Report> run() {
    Report report;
    auto first = TRY(look(report));
    const auto damage = damage_of(first);
    if (query_.fix && report.survey.state == ipam::Survey::State::Damaged) {
      TRY(Status(place_));
      report.mended = TRY(store_.mend());
      first = TRY(look(report));
    }
    if (std::ranges::any_of(first, &Finding::counts)) {
      std::this_thread::sleep_for(query_.fix ? query_.interval : std::min(query_.interval, kConfirmation));
      first = confirmed(first, TRY(look(report)));
    }
    if (query_.fix) TRY(release_leaks(first));
    if (report.mended)
      for (auto finding : damage) {
        finding.fixed = true;
        report.findings.push_back(std::move(finding));
      }
    report.findings.insert(report.findings.end(), first.begin(), first.end());
    return report;
  }

 private:
  /// The store before the kernel: a pod that is added meanwhile is in both or in the kernel alone, where the second
  /// look finds its record.
  Result<std::vector<Finding>> look(Report& report) {
    Scene scene{.survey = TRY(store_.survey()), .node = TRY(look_at_node()), .now = ipam::boot_time()};
    if (!query_.whole_node_is_dead) place_ = check_place(scene, "--whole-node-is-dead releases them");
    auto findings = audit(scene, query_.data_dir, networks_);
    report.survey = std::move(scene.survey);
    return findings;
  }
  static std::vector<Finding> damage_of(const std::vector<Finding>& all) {
    std::vector<Finding> out;
    std::ranges::copy_if(all, std::back_inserter(out), [](const Finding& f) { return f.kind == FindingKind::Damaged; });
    return out;
  }
  Status release_leaks(std::vector<Finding>& findings) {
    std::vector<pod::Key> suspects;
    for (const auto& finding : findings)
      if (finding.kind == FindingKind::Leak && std::ranges::find(suspects, finding.key) == suspects.end())
        suspects.push_back(finding.key);
    if (!suspects.empty()) TRY(Status(place_));
    const auto released = TRY(store_.release_dead(suspects));
    for (auto& finding : findings)
      finding.fixed = finding.kind == FindingKind::Leak && std::ranges::find(released, finding.key) != released.end();
    return ok();
  }

  const IpamCheckQuery& query_;
  const std::vector<Network>& networks_;
  ipam::Ipam& store_;
  Status place_;  // whether the last look was where the pods' links are
};

std::string mended_text(const ipam::Mended& mended) {
  return "the damaged store was made anew: " + std::to_string(mended.kept) + " records kept, " +
         std::to_string(mended.guessed) + " addresses held on other evidence";
}

std::string render(const Report& report, const IpamCheckQuery& query) {
  Table table({{"FINDING"}, {"ADDRESS"}, {"CONTAINER"}, {"IFNAME"}, {"NETWORK"}, {"LINK"}, {"AGE"}, {"WHAT"}});
  for (const auto& one : report.findings)
    table.add({std::string(to_string(one.kind)), one.address ? one.address->to_string() : "",
               printable(one.key.container_id), printable(one.key.ifname), printable(one.key.network),
               printable(one.link), one.age ? duration_text(*one.age) : "",
               printable(one.text) + (one.fixed ? " (fixed)" : "")});
  std::string text;
  if (report.mended) text += mended_text(*report.mended) + "\n";
  if (!table.empty()) text += table.to_string();
  text += std::to_string(report.survey.records.size()) + " records in " + query.data_dir.string() + ", ";
  text += report.is_clean() ? "nothing is wrong" : "something is wrong";
  if (!report.is_clean() && !query.fix) text += "; --fix releases what is dead and makes a damaged store anew";
  return text + "\n";
}

nlohmann::json document(const Report& report, const IpamCheckQuery& query) {
  auto findings = nlohmann::json::array();
  for (const auto& one : report.findings)
    findings.push_back({{"kind", to_string(one.kind)},
                        {"address", one.address ? nlohmann::json(one.address->to_string()) : nlohmann::json()},
                        {"containerId", one.key.container_id},
                        {"ifname", one.key.ifname},
                        {"network", one.key.network},
                        {"link", one.link},
                        {"ageSeconds", one.age ? nlohmann::json(one.age->count()) : nlohmann::json()},
                        {"text", one.text},
                        {"fixed", one.fixed}});
  nlohmann::json out{{"dataDir", query.data_dir.string()},
                     {"store", to_string(report.survey.state)},
                     {"records", report.survey.records.size()},
                     {"clean", report.is_clean()},
                     {"findings", std::move(findings)}};
  if (report.mended) out["mended"] = {{"kept", report.mended->kept}, {"guessed", report.mended->guessed}};
  return out;
}

void tell_limits(const Report& report, const IpamCheckQuery& query, std::ostream& notes) {
  if (report.survey.state == ipam::Survey::State::Missing)
    notes << "note: there is no store in " << query.data_dir.string() << "; the next ADD makes one (see --data-dir)\n";
  else if (is_of_another_plugin(report.survey, query.data_dir))
    notes
        << "note: another plugin uses this store: the kernel cannot tell who is dead, so only damage was looked for\n";
  if (report.mended && is_of_another_plugin(report.survey, query.data_dir))
    notes << "note: a record that could not be read is lost: see that no running pod has an address that "
             "`slash32ctl ipam show` does not name\n";
}

}  // namespace

Result<bool> run_ipam_check(const Options& options, const IpamCheckQuery& asked, std::ostream& out,
                            std::ostream& notes) {
  auto query = asked;
  if (query.fix && query.interval < kLeastInterval)
    return fail(EINVAL, "--interval: with --fix the two looks are at least 1 second apart");
  query.data_dir = tidy(query.data_dir);
  (void)TRY(is_readable(query.data_dir));
  auto host = TRY(netlink::Socket::open(netlink::Family::Route, kPatience));
  auto store = open_store(query.data_dir, host);
  const auto networks = read_networks(query.conf_dir, notes);
  const auto report = TRY(Check(query, networks, store).run());
  tell_limits(report, query, notes);
  print_line(out, options.json ? document(report, query).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                               : render(report, query));
  return report.is_clean();
}

}  // namespace slash32::ctl
