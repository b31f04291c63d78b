#include "agent/daemon.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/node_files.h"
#include "common/control/tcp_socket.h"
#include "common/log.h"

namespace slash32::agent {
namespace {

constexpr const char* kProgram = "slash32-agent";
constexpr Seconds kTick{2};
constexpr std::uint64_t kCalm = 5;  // ticks between two looks while nothing is missing

/// "127.0.0.1:9102", "[::1]:9102".
Result<std::pair<IpAddress, std::uint16_t>> parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return fail(7, "\"" + text + "\" is not ADDRESS:PORT");
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = TRY(IpAddress::parse(host));
  std::uint16_t port = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + colon + 1, last, port);
  if (error != std::errc() || end != last || port == 0) return fail(7, "\"" + text + "\" has no port (1 to 65535)");
  return std::pair{address, port};
}

/// Until the configuration has been heard of, this node's own is enough to begin with.
bool needs_all_nodes(const plan::World& world) {
  if (!world.listed.contains(model::Kind::BgpConfiguration)) return false;
  const auto found = world.configurations.find(model::kDefaultConfiguration);
  return plan::reads_all_nodes(world, found == world.configurations.end() ? model::BgpConfiguration{} : found->second);
}

bool has_file(const std::filesystem::path& path) {
  std::error_code error;  // what cannot be looked at counts as not there
  return std::filesystem::exists(path, error);
}

plan::PlanOptions plan_options_of(const Options& options) {
  return {.node_name = options.node_name,
          .secrets_dir = options.secrets_dir.string(),
          .bgpd_socket = options.bgpd_socket.string(),
          .bgpd_state_file = options.bgpd_state_file.string(),
          .keeps_tables = !options.no_conflist};
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(Options options) {
  auto access = TRY(access_of(options));
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(options), std::move(access)));
  TRY(daemon->open_sockets());
  return daemon;
}

Daemon::Daemon(Options options, kube::Access access)
    : options_(std::move(options)),
      plan_options_(plan_options_of(options_)),
      access_(std::move(access)),
      signals_(context_, SIGTERM, SIGINT),
      plan_timer_(context_),
      tick_timer_(context_),
      started_(Instant::clock::now()),
      client_(context_, access_),
      bgpd_(context_, options_.bgpd_socket),
      store_(options_.node_name),
      watches_(context_, access_, client_, store_,
               {options_.node_name, namespace_of(options_), has_file(options_.bgpd_config)},
               [this](model::Kind kind) {
                 leader_.changed(kind);
                 changed();
               }),
      leader_(context_, access_, store_, watches_, {options_.node_name, namespace_of(options_)}, [this] { changed(); }),
      feedback_(client_, options_.node_name) {}

Status Daemon::open_sockets() {
  const auto handler = [this](const control::HttpRequest& request) { return answer(request); };
  control_ = TRY(control::HttpServer::open(context_, kProgram, options_.socket.string(), handler));
  if (options_.metrics_address.empty()) return ok();
  const auto [address, port] = TRY(parse_endpoint(options_.metrics_address));
  metrics_ = control::HttpServer::adopt(context_, kProgram, TRY(control::bind_tcp_socket(address, port)), handler);
  return ok();
}

void Daemon::run() {
  log::info("starting", {{"version", SLASH32_VERSION},
                         {"node", options_.node_name},
                         {"server", kube::url_of(access_)},
                         {"access", access_.origin}});
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    leaving_ = true;
    leader_.give_back([this, number] {
      log::info("ended; everything stays as it is", {{"signal", std::to_string(number)}});
      context_.stop();
    });
  });
  control_->serve();
  if (metrics_) metrics_->serve();
  tick();
  plan_now();
  context_.run();
}

// ---------------------------------------------------------------- what goes in

void Daemon::changed() {
  if (std::exchange(plan_waits_, true)) return;
  plan_timer_.expires_after(pace_.wait(Instant::clock::now()));
  plan_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) plan_now();
  });
}

/// Every time while something is missing; else now and then, for what others may have changed.
void Daemon::tick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
  if (ticks_++ % kCalm != 0 && unready().empty() && reload_.done()) return;
  read_facts();
  look_for_networks();
  watches_.look_again();
  restore_copy();
  if (!ranges_known_ || !ranges_.kept().empty()) plan_now();
  if (desired_) apply();
  ask_bgpd();
}

void Daemon::read_facts() {
  const auto now = read_node_facts();
  auto facts = last_known(facts_ ? *facts_ : known_facts(), now ? *now : NodeFacts{});
  const auto kept = write_facts(options_, facts);
  if (!now)
    note(done_.facts_trouble, "the kernel cannot be asked", now.error().message);
  else
    note(done_.facts_trouble, "what is known of the kernel is not kept", kept ? "" : kept.error().message);
  if (facts_ == facts) return;
  facts_ = std::move(facts);
  store_.world().default_gateways = facts_->default_gateways();
  store_.world().mtu = options_.mtu ? options_.mtu : facts_->mtu();
  changed();
}

/// Of an earlier life.
NodeFacts Daemon::known_facts() const {
  auto known = agent::read_facts(options_);
  if (!known) log::warn("what was known of the kernel cannot be read", {{"why", known.error().message}});
  return known ? *std::move(known) : NodeFacts{};
}

/// Runtimes take the first network of the directory, whoever wrote it.
void Daemon::look_for_networks() {
  if (options_.no_conflist) return;
  const auto before = network_before(options_.conflist);
  std::string why;
  if (!before)
    why = before.error().message;
  else if (*before)
    why = (*before)->string() + " sorts before " + options_.conflist.filename().string() +
          ": remove it, or give --conflist a name that sorts first";
  note(done_.network_trouble, "another network may come first", why);
}

/// Reads what an earlier life kept, once; a damaged file is for a person to look at, and nothing is written meanwhile.
bool Daemon::knows_ranges() {
  if (ranges_known_) return true;
  auto known = read_ranges(options_);
  note(done_.ranges_trouble, "former pod ranges are not known", known ? "" : known.error().message);
  if (!known) return false;
  ranges_ = RangeKeeper(*std::move(known));
  ranges_known_ = true;
  return true;
}

/// What the node had counts as long as a pod lives in it. To be asked before each plan: one that does not know of a
/// former range withdraws it.
void Daemon::track_ranges() {
  if (!knows_ranges()) return;
  auto& world = store_.world();
  const auto own = world.nodes.find(options_.node_name);
  if (own == world.nodes.end()) return;
  const auto& current = own->second.pod_cidrs;
  auto alive = ranges_with_pods(ranges_.former(current));
  if (!alive) {
    note(done_.ranges_trouble, "pods cannot be looked for", alive.error().message);
    alive = ranges_.former(current);  // none is given up unseen
  }
  ranges_.update(current, *alive, Instant::clock::now());
  world.live_pod_ranges = ranges_.kept();
  const auto kept = write_ranges(options_, ranges_.known());
  note(done_.ranges_trouble, "pod ranges are not kept", kept ? "" : kept.error().message);
}

void Daemon::plan_now() {
  plan_waits_ = false;
  const auto began = Instant::clock::now();
  const auto written = writes_;
  plan();
  pace_.planned(began, Instant::clock::now(), writes_ != written ? reload_took_ : Duration{});
}

void Daemon::plan() {
  if (leaving_) return;
  ++plans_;
  auto needs = plan::needs_of(store_.world(), options_.node_name);
  if (leader_.wants_services()) needs.kinds.insert(model::Kind::Service);
  const auto aside = leader_.wants_all_nodes() ? Watches::Nodes::AllAside : Watches::Nodes::Own;
  watches_.follow(needs, needs_all_nodes(store_.world()) ? Watches::Nodes::All : aside);
  leader_.follow();
  track_ranges();
  auto desired = planner_.make(store_.world(), plan_options_, store_.service_news());
  if (desired_ && *desired_ == desired) return;
  if (!desired_ || desired_->waiting != desired.waiting)
    for (const auto& what : desired.waiting) log::info("waiting", {{"for", what}});
  desired_ = std::move(desired);
  std::error_code ignored;  // where it cannot be looked at, it cannot be counted on either
  done_.bgpd_file = !desired_->bgpd_json && std::filesystem::exists(options_.bgpd_config, ignored);
  apply();
}

}  // namespace slash32::agent
