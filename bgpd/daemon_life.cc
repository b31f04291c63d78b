// Listening, reloading, stopping.
#include <algorithm>
#include <exception>
#include <utility>

#include "bgpd/conf_changes.h"
#include "bgpd/daemon.h"
#include "bgpd/kernel_lock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/sha256.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kListenRetry{5};
constexpr Seconds kFilesCheck{5};
constexpr Seconds kFlushTime{3};  // how long a stop waits for slow peers to take what is queued

}  // namespace

// ---------------------------------------------------------------- listening

/// What cannot be opened is a condition, tried again: an address may come later.
void Daemon::open_listeners() {
  if (listeners_.open_missing(conf_.listen, neighbors_->listen_keys(conf_))) return;
  listen_timer_.after(kListenRetry, [this] {
    if (stopping_) return;
    open_listeners();
    neighbors_->configure(conf_, router_id_);  // holds whose key a new listener did not take
  });
}

/// What others can take from us while we run: a socket file that was removed is made again, a state file that could not
/// be written (a full disk) is tried again.
void Daemon::look_after_files() {
  look_after_control();
  if (!state_trouble_.empty()) note_state();
  if (!put_trouble_.empty()) keep_put();
  try_metrics();
  if (neighbors_) neighbors_->tell_too_long();
  let_askers_go(table_lock_);
  files_timer_.after(kFilesCheck, [this] { look_after_files(); });
}

// ---------------------------------------------------------------- reloading

Taken Daemon::take_text(const std::string& text) {
  auto checked = config::check_bgpd_conf(text);
  if (!checked.errors.empty()) return std::unexpected(ConfRefused{true, std::move(checked.errors)});
  const bool objects = checked.conf.kernel.next_hop_objects;
  const auto later = told_of_next_start(checked.conf);
  auto conf = in_force(std::move(checked.conf));
  auto changes = conf_changes(conf_, router_id_, conf, conf.router_id.value_or(router_id_));
  if (auto good = apply(std::move(conf)); !good) return std::unexpected(ConfRefused{false, {std::move(good).error()}});
  objects_wanted_ = objects;
  if (later) changes.push_back(*later);
  return changes;
}

Taken Daemon::take_file() {
  const auto text = read_file(conf_path_);
  if (!text) return std::unexpected(ConfRefused{false, {text.error()}});
  auto taken = take_text(*text);
  if (taken) {  // it takes the place of what was PUT
    remove_put_conf(source_.copy);
    kept_.reset();
    put_trouble_.clear();
    source_ = {.put = false, .at = wall_clock(), .sha256 = sha256_hex(*text), .copy = put_conf_path(conf_.state_file)};
    return taken;
  }
  for (auto& error : taken.error().errors) error = in(conf_path_, std::move(error));
  return taken;
}

/// As long as this boot lasts and the file stays as it is now, the next life begins with it as well.
Taken Daemon::take_put(const std::string& text) {
  const auto file = read_file(conf_path_);
  auto taken = take_text(text);
  if (!taken) return taken;
  source_.put = true;
  source_.at = wall_clock();
  source_.sha256 = sha256_hex(text);
  kept_ = {.file = conf_path_, .file_sha256 = file ? sha256_hex(*file) : "", .at = source_.at, .text = text};
  keep_put();
  return taken;
}

void Daemon::keep_put() {
  const auto good = write_put_conf(source_.copy, boot_id_, *kept_);
  const auto trouble = good ? std::string{} : good.error().message;
  if (!good) remove_put_conf(source_.copy);  // the one before is neither the file's nor what is in force
  if (!good && trouble != put_trouble_)
    log::error("what was PUT is not kept for the next start; tried again", {{"why", trouble}});
  put_trouble_ = trouble;
}

/// Reads the file again and takes it as a difference. A refusal is told in the log and in the status.
Taken Daemon::reload() {
  Taken taken;
  try {
    taken = take_file();
  } catch (const std::exception& e) {  // of a library: no reason to end what works
    taken = std::unexpected(ConfRefused{false, {Error{.message = conf_path_ + ": " + e.what(), .details = {}}}});
  }
  if (taken) return taken;
  refused_conf_ = taken.error().errors.front().message;
  for (const auto& error : taken.error().errors) log::error("configuration kept as it was", {{"why", error.message}});
  return taken;
}

/// What can be told before anything is tried.
Status Daemon::can_apply(const config::BgpdConf& conf) const {
  if (stopping_) return fail(7, "slash32-bgpd is stopping");
  if (conf.kernel.table != conf_.kernel.table)
    return fail(7, "/kernel/table: cannot change while running; restart slash32-bgpd");
  return ok();
}

/// What of it can be so before the next start.
config::BgpdConf Daemon::in_force(config::BgpdConf conf) const {
  conf.kernel.next_hop_objects = conf_.kernel.next_hop_objects;
  return conf;
}

/// A line of what changes, where something waits for the next start that did not before, or no longer does.
std::optional<std::string> Daemon::told_of_next_start(const config::BgpdConf& conf) const {
  if (conf.kernel.next_hop_objects == objects_wanted_) return std::nullopt;
  return conf.kernel.next_hop_objects == conf_.kernel.next_hop_objects
             ? "/kernel/nextHopObjects changed back to what is in force"
             : "/kernel/nextHopObjects changed; in force from the next start of slash32-bgpd on";
}

/// What can fail comes first, and what it made goes away again with it: nothing is half-changed.
Status Daemon::apply(config::BgpdConf conf) {
  TRY(can_apply(conf));
  UniqueFd lock;
  if (conf.kernel.install && !conf_.kernel.install) lock = TRY(lock_kernel_table(conf.kernel.table));
  std::vector<Listener> listeners;
  if (met_neighbors_) listeners = TRY(listeners_.prepare(conf_.listen, conf.listen, neighbors_->listen_keys(conf)));
  std::optional<control::HttpServer> watched;
  if (conf.metrics != conf_.metrics) {
    auto server = open_metrics(conf.metrics);
    if (!server) return fail(in("/metrics/address", std::move(server).error()));
    watched = *std::move(server);
  }
  take_control(TRY(prepare_control(conf.control)), conf_.control.read_only_socket && !conf.control.read_only_socket);
  if (conf.metrics != conf_.metrics) {
    if (met_neighbors_ && watched) watched->serve();
    std::swap(metrics_, watched);
    metrics_trouble_.clear();
  }
  if (met_neighbors_) listeners_.take(std::move(listeners), conf.listen);
  if (conf.kernel.install != conf_.kernel.install) table_lock_ = std::move(lock);
  take_conf(std::move(conf));
  return ok();
}

void Daemon::take_conf(config::BgpdConf conf) {
  const auto old = std::exchange(conf_, std::move(conf));
  log::set_level(std::string_view(conf_.log_level));
  if (conf_.router_id) router_id_ = *conf_.router_id;
  if (conf_.kernel != old.kernel) fib_.reconfigure(fib_settings(conf_.kernel));
  if (!conf_.kernel.install && old.kernel.install) {
    life_.learned.clear();  // there are none to find in the kernel in the next life
    note_state();
  }
  if (conf_.state_file != old.state_file) {
    note_state();
    if (state_trouble_.empty()) remove_state_file(old.state_file);
  }
  if (conf_.policies != old.policies || conf_.local_as != old.local_as || conf_.cluster_id != old.cluster_id ||
      conf_.kernel.install != old.kernel.install || conf_.kernel.multipath != old.kernel.multipath ||
      conf_.kernel.multipath_relax != old.kernel.multipath_relax || conf_.router_id != old.router_id ||
      conf_.drain != old.drain)
    rib_->reconfigure(rib_settings(conf_, router_id_, draining()));
  if (conf_.guard != old.guard) set_guarded();
  if (conf_.originate != old.originate || conf_.drain != old.drain) set_aggregates();
  switch_mrt(old.mrt);
  follow_routes();
  switch_neighbors();
  if (met_neighbors_) neighbors_->configure(conf_, router_id_);
  if (met_neighbors_ && neighbors_->drained() != life_.drained) note_state();
  refused_conf_.clear();
  log::info("configuration taken", {{"neighbors", std::to_string(conf_.neighbors.size())}});
  work();
}

// ---------------------------------------------------------------- draining

/// RFC 8326: everything stays reachable and is used last, until the sessions close. It outlives a restart of the
/// daemon, not one of the node.
Status Daemon::order_drain(bool on) {
  if (stopping_) return fail(7, "slash32-bgpd is stopping");
  if (!on && conf_.drain) return fail(7, "it is drained by configuration: /drain");
  if (life_.draining == on) return ok();
  log::info(on ? "draining by an operator's order" : "no longer draining");
  life_.draining = on;
  note_state();
  rib_->reconfigure(rib_settings(conf_, router_id_, draining()));
  announce();
  return ok();
}

// ---------------------------------------------------------------- stopping

/// Restart: what is queued is flushed and sessions close so that routes stay everywhere. Final: everything that was
/// announced is withdrawn first, then sessions get Cease/2, then our kernel routes go.
void Daemon::stop(bool final) {
  if (stopping_) return;
  stopping_ = true;
  final_ = final;
  log::info("stopping", {{"as", final ? "leaving" : "restart"}});
  listeners_.close();
  if (final) rib_->set_local_routes({});
  stop_timer_.after(kFlushTime, [this] { end(); });
  work();
}

void Daemon::stop_when_flushed() {
  if (!neighbors_->has_output()) end();
  // otherwise the sessions pull as their sockets drain, and the timer ends it if they do not
}

void Daemon::end() {
  if (ended_) return;
  ended_ = true;
  discovery_.reset();
  if (bfd_) bfd_->say_admin_down();  // before TCP closes: our silence must not look like a failure
  if (final_) {
    neighbors_->leave("node leaves: slash32ctl shutdown");
  } else {
    neighbors_->close_for_restart();
    // As it is now, so that F is true next time; what an earlier life left stands beside what the RIB knows of.
    if (fib_.status().stale == 0) life_.learned.clear();
    for (const auto& delta : rib_->fib())
      if (std::ranges::find(life_.learned, delta.prefix.family()) == life_.learned.end())
        life_.learned.push_back(delta.prefix.family());
    note_state();
  }
  meet_timer_.cancel();
  clock_timer_.cancel();
  audit_timer_.cancel();
  listen_timer_.cancel();
  restart_timer_.cancel();
  stop_timer_.cancel();
  files_timer_.cancel();
  conditions_timer_.cancel();
  gateways_timer_.cancel();
  loop_.post([this] {  // after what is being called right now; connections flush and close on their own
    neighbors_.reset();
    bfd_.reset();
    mrt_.reset();
    if (final_) {  // now, whatever the control's clients still have to read
      fib_.remove_all();
      remove_state_file(conf_.state_file);
      remove_put_conf(source_.copy);
    }
    control_.reset();
    read_only_.reset();
    metrics_.reset();
    watches_.clear();
    signals_.reset();
  });
}

}  // namespace slash32::bgp
