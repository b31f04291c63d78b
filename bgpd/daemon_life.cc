// Listening, reloading, stopping.
#include <algorithm>
#include <utility>

#include "bgpd/daemon.h"
#include "common/fd.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

constexpr Seconds kListenRetry{5};
constexpr Seconds kFlushTime{3};  // how long a stop waits for slow peers to take what is queued

}  // namespace

// ---------------------------------------------------------------- listening

/// Opens what is configured and not open yet, closes what is not configured. A failure is a condition, tried again.
void Daemon::open_listeners() {
  const auto wanted = [&](const Endpoint& local) {
    return std::ranges::any_of(conf_.listen, [&](const auto& one) { return Endpoint{one.address, one.port} == local; });
  };
  std::erase_if(listeners_, [&](const Listener& listener) { return !wanted(listener.local()); });
  listen_problems_.clear();
  for (const auto& one : conf_.listen) {
    const Endpoint local{one.address, one.port};
    if (std::ranges::any_of(listeners_, [&](const Listener& listener) { return listener.local() == local; })) continue;
    auto listener = Listener::open(loop_, local, [this](UniqueFd fd, const Endpoint& remote, const Endpoint&) {
      neighbors_->accepted(std::move(fd), remote);
    });
    if (listener) {
      listeners_.push_back(*std::move(listener));
    } else {
      listen_problems_[to_string(local)] = listener.error().message;
      log::error("not listening", {{"why", listener.error().message}});
    }
  }
  if (!listen_problems_.empty()) {
    listen_timer_.after(kListenRetry, [this] {
      if (stopping_) return;
      open_listeners();
      neighbors_->configure(conf_, router_id_);  // keys for the listeners that are new
    });
  }
}

Result<control::HttpServer> Daemon::open_control(const std::string& path) {
  return control::HttpServer::open(loop_.context(), path,
                                   [this](const control::HttpRequest& request) { return answer(request); });
}

// ---------------------------------------------------------------- reloading

void Daemon::reload() {
  const auto text = read_file(conf_path_);
  if (!text) {
    refused_conf_ = text.error().message;
    log::error("configuration kept as it was", {{"why", refused_conf_}});
    return;
  }
  auto checked = config::check_bgpd_conf(*text);
  for (const auto& error : checked.errors)
    log::error("configuration kept as it was", {{"why", conf_path_ + ": " + error.message}});
  if (!checked.errors.empty()) {
    refused_conf_ = conf_path_ + ": " + checked.errors.front().message;
    return;
  }
  if (const auto good = apply(std::move(checked.conf)); !good) {
    refused_conf_ = conf_path_ + ": " + good.error().message;
    log::error("configuration kept as it was", {{"why", refused_conf_}});
  }
}

Status Daemon::apply(config::BgpdConf conf) {
  if (stopping_) return fail(7, "slash32-bgpd is stopping");
  if (conf.kernel.table != conf_.kernel.table)
    return fail(7, "/kernel/table: cannot change while running; restart slash32-bgpd");
  if (conf.control != conf_.control) {  // the only thing that can fail comes first
    auto server = TRY(open_control(conf.control.socket));
    loop_.post([this, server = std::make_shared<control::HttpServer>(std::move(server))] {
      server->serve();
      control_ = std::move(*server);  // an answer on the old one may be on its way out
    });
  }
  const auto old = std::exchange(conf_, std::move(conf));
  log::set_level(std::string_view(conf_.log_level));
  if (conf_.router_id) router_id_ = *conf_.router_id;
  if (conf_.kernel != old.kernel) fib_.reconfigure(fib_settings(conf_.kernel));
  if (conf_.state_file != old.state_file) {
    note_state();
    remove_state_file(old.state_file);
  }
  if (conf_.listen != old.listen && met_neighbors_) open_listeners();
  if (conf_.policies != old.policies || conf_.local_as != old.local_as || conf_.cluster_id != old.cluster_id ||
      conf_.kernel.multipath != old.kernel.multipath || conf_.router_id != old.router_id)
    rib_->reconfigure(rib_settings(conf_, router_id_));
  if (conf_.originate != old.originate) set_aggregates();
  if (met_neighbors_) neighbors_->configure(conf_, router_id_);
  refused_conf_.clear();
  log::info("configuration taken", {{"neighbors", std::to_string(conf_.neighbors.size())}});
  work();
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
  listeners_.clear();
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
  if (final_) {
    neighbors_->leave("node leaves: slash32ctl shutdown");
  } else {
    neighbors_->close_for_restart();
    life_.learned.clear();  // as it is now, so that F is true next time
    for (const auto& delta : rib_->fib())
      if (std::ranges::find(life_.learned, delta.prefix.family()) == life_.learned.end() && conf_.kernel.install)
        life_.learned.push_back(delta.prefix.family());
    note_state();
  }
  meet_timer_.cancel();
  clock_timer_.cancel();
  audit_timer_.cancel();
  listen_timer_.cancel();
  restart_timer_.cancel();
  stop_timer_.cancel();
  loop_.post([this] {  // after what is being called right now; connections flush and close on their own
    neighbors_.reset();
    if (final_) {  // now, whatever the control's clients still have to read
      fib_.remove_all();
      remove_state_file(conf_.state_file);
    }
    control_.reset();
    watches_.clear();
    signals_.reset();
  });
}

}  // namespace slash32::bgp
