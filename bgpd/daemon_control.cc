// The control sockets: one for everything, and where it is configured one that only tells.
#include <utility>

#include "bgpd/daemon.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

using control::HttpRequest;
using control::HttpServer;
using control::SocketAccess;

constexpr std::string_view kProgram = "slash32-bgpd";

SocketAccess access_of(const config::ControlConf& conf) { return {.group = conf.group}; }

SocketAccess read_only_access(const config::ControlConf& conf) {
  return {.mode = conf.read_only_mode, .group = conf.read_only_group};
}

}  // namespace

Result<HttpServer> Daemon::open_control(const config::ControlConf& conf) {
  auto server = HttpServer::open(
      loop_.context(), std::string(kProgram), conf.socket,
      [this](const HttpRequest& request) { return answer(request); }, access_of(conf));
  if (!server) return fail(in("/control/socket", std::move(server).error()));
  return server;
}

/// Everything that is asked with GET changes nothing; what only looks like a question (`/v1/config/check`) is refused
/// too.
Result<std::optional<HttpServer>> Daemon::open_read_only(const config::ControlConf& conf) {
  if (!conf.read_only_socket) return std::optional<HttpServer>{};
  auto server = HttpServer::open(
      loop_.context(), std::string(kProgram), *conf.read_only_socket,
      [this](const HttpRequest& request) {
        if (request.method == "GET") return answer(request, /*only_tells=*/true);
        return control::error_response(403, "this socket only tells: " + request.method +
                                                " needs the one of control.socket, " + conf_.control.socket);
      },
      read_only_access(conf));
  if (!server) return fail(in("/control/readOnlySocket", std::move(server).error()));
  return std::optional<HttpServer>{*std::move(server)};
}

/// What can fail of other control sockets, and the sockets to be taken then.
Result<Daemon::ControlSockets> Daemon::prepare_control(const config::ControlConf& wanted) {
  const auto& now = conf_.control;
  ControlSockets out;
  if (wanted.socket != now.socket) out.control = TRY(open_control(wanted));
  if (wanted.read_only_socket != now.read_only_socket) out.read_only = TRY(open_read_only(wanted));
  // Both before either: a configuration that is refused must not have changed who may use which.
  if (auto good = control::find_group(access_of(wanted)); !good)
    return fail(in("/control/group", std::move(good).error()));
  if (auto good = control::find_group(read_only_access(wanted)); !good)
    return fail(in("/control/readOnlyGroup", std::move(good).error()));
  if (!out.control && control_ && access_of(wanted) != access_of(now))
    if (auto good = control_->set_access(access_of(wanted)); !good)
      return fail(in("/control/group", std::move(good).error()));
  if (read_only_ && wanted.read_only_socket == now.read_only_socket &&
      read_only_access(wanted) != read_only_access(now))
    if (auto good = read_only_->set_access(read_only_access(wanted)); !good)
      return fail(in("/control/readOnlyGroup", std::move(good).error()));
  return out;
}

/// The old ones go in a later turn: an answer on them may be on its way out.
void Daemon::take_control(ControlSockets made, bool without_read_only) {
  if (!made.control && !made.read_only && !without_read_only) return;
  loop_.post([this, made = std::make_shared<ControlSockets>(std::move(made)), without_read_only] {
    if (ended_) return;
    for (auto* server : {&made->control, &made->read_only})
      if (*server && met_neighbors_) (*server)->serve();
    if (made->control) control_ = std::move(made->control);
    if (made->read_only)
      read_only_ = std::move(made->read_only);
    else if (without_read_only)
      read_only_.reset();
  });
}

/// A socket's file that somebody removed is made again, and the one that only tells where it could not be had before.
void Daemon::look_after_control() {
  std::string trouble;
  const auto again = [&](bool in_place, const std::string& path, auto open) {
    if (in_place) return;
    auto made = open();
    if (made) return log::warn("the control socket was missing; made", {{"path", path}});
    trouble = made.error().message;
    if (trouble != control_trouble_) log::error("the control socket is missing", {{"why", trouble}});
  };
  again(!control_ || control_->is_in_place(), conf_.control.socket, [this]() -> Status {
    take_control({.control = TRY(open_control(conf_.control)), .read_only = {}}, false);
    return ok();
  });
  again(read_only_ ? read_only_->is_in_place() : !conf_.control.read_only_socket,
        conf_.control.read_only_socket.value_or(""), [this]() -> Status {
          take_control({.control = {}, .read_only = TRY(open_read_only(conf_.control))}, false);
          return ok();
        });
  control_trouble_ = trouble;
}

}  // namespace slash32::bgp
