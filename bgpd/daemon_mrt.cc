// MRT (RFC 6396): GET /v1/mrt/table, and what comes and happens in sessions, in a file.
#include <memory>

#include "bgpd/daemon.h"
#include "bgpd/mrt_table.h"
#include "common/log.h"

namespace slash32::bgp {
namespace {

using control::HttpResponse;

constexpr std::size_t kPlacesAPiece = 500;  // of the table, as with routes: each may have many paths

std::string text_of(const mrt::Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Asn as_of(const config::BgpdConf& conf, const Neighbor& neighbor) {
  if (neighbor.up) return neighbor.up->remote.asn;
  if (neighbor.conf.remote_as.kind == config::RemoteAsKind::Internal)
    return neighbor.conf.local_as.value_or(conf.local_as);
  return neighbor.conf.remote_as.asn;  // 0 where nobody knows yet
}

MrtTable::Peer peer_of(const config::BgpdConf& conf, const Neighbor& neighbor) {
  MrtTable::Peer out{.id = neighbor.id,
                     .entry = {.id = {}, .address = neighbor.conf.address, .asn = as_of(conf, neighbor)},
                     .add_path = {}};
  if (!neighbor.up) return out;
  out.entry.id = neighbor.up->remote.id;
  for (const auto family : neighbor.up->add_path_in) out.add_path.at(index_of(family)) = true;
  return out;
}

mrt::Ends ends_of(const config::BgpdConf& conf, const Neighbor& neighbor) {
  mrt::Ends out{.peer_as = as_of(conf, neighbor),
                .local_as = neighbor.conf.local_as.value_or(conf.local_as),
                .peer = neighbor.conf.address,
                .local = neighbor.conf.local_address.value_or(IpAddress{}),
                .interface = {}};
  if (!neighbor.up) return out;
  out.local = neighbor.session_end.address;
  out.interface = neighbor.local.link;
  return out;
}

}  // namespace

/// Who reads it slowly holds up nobody, and is cut off as with routes; so is what the daemon's end cuts short.
HttpResponse Daemon::mrt_table() {
  std::vector<MrtTable::Peer> peers;
  for (const auto& [id, neighbor] : neighbors_->all()) peers.push_back(peer_of(conf_, *neighbor));
  const auto table = std::make_shared<MrtTable>(
      *rib_, mrt::PeerEntry{.id = router_id_, .address = IpAddress::v4(0), .asn = conf_.local_as}, peers,
      std::chrono::system_clock::now());
  return {.status = 200,
          .body = text_of(table->head()),
          .more = [table]() -> std::optional<std::string> {
            auto piece = table->next(kPlacesAPiece);
            if (piece) return text_of(*piece);
            if (table->left_out() > 0)
              log::warn("paths left out of an MRT dump: their attributes fit no record",
                        {{"paths", std::to_string(table->left_out())}});
            return std::nullopt;
          },
          .allow = {},
          .content_type = "application/octet-stream"};
}

/// As the configuration says; equal settings change nothing.
void Daemon::switch_mrt(const config::MrtConf& before) {
  if (conf_.mrt == before) return;
  mrt_.reset();
  if (const auto& updates = conf_.mrt.updates)
    mrt_ = std::make_unique<MrtFile>(
        MrtFile::Settings{.pattern = updates->file, .rotate = updates->rotate, .rotate_bytes = updates->rotate_bytes});
  neighbors_->set_recording(mrt_ != nullptr, mrt_ && conf_.mrt.updates->sent);
}

void Daemon::record(const Neighbor& neighbor, const act::MessageRecorded& message) {
  if (!mrt_) return;
  mrt_->put(mrt::encode_message(std::chrono::system_clock::now(), ends_of(conf_, neighbor), message.four_octet_as,
                                message.add_path, message.message, message.sent));
}

void Daemon::record(const Neighbor& neighbor, const act::StateRecorded& change) {
  if (!mrt_) return;
  mrt_->put(mrt::encode_state_change(std::chrono::system_clock::now(), ends_of(conf_, neighbor), change.before,
                                     change.after));
}

void Daemon::put_mrt_metrics(control::MetricsText& out) const {
  using enum control::MetricsText::Type;
  if (!mrt_) return;
  const auto status = mrt_->status();
  out.family("mrt_records_written_total", Counter, "MRT records written to mrt.updates.file.");
  out.sample({}, status.written);
  out.family("mrt_records_dropped_total", Counter, "MRT records lost: the disk was slow, full or gone.");
  out.sample({}, status.dropped);
  out.family("mrt_queue_bytes", Gauge, "Octets of MRT records that wait for the disk.");
  out.sample({}, status.queued);
}

}  // namespace slash32::bgp
