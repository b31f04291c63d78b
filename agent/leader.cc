#include "agent/leader.h"

#include <ctime>
#include <random>
#include <utility>

#include "agent/plan/accepted.h"
#include "agent/reports.h"
#include "common/log.h"

namespace slash32::agent {
namespace {

using model::Kind;

constexpr Seconds kUnsure{1};  // a renewal, or who deposes us, has come by then

Instant now() { return Instant::clock::now(); }

double chance() {
  static std::mt19937 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

/// Of this life: what an earlier one of this node has asked for may be on its way still.
std::string identity_of(const std::string& node) {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto out = node + "_";
  for (int i = 0; i < 8; ++i) out += kHex[static_cast<std::size_t>(chance() * 16)];
  return out;
}

}  // namespace

Leader::Leader(boost::asio::io_context& context, const kube::Access& access, WorldStore& store, Watches& watches,
               Settings settings, std::function<void()> changed)
    : context_(context),
      access_(access),
      store_(store),
      watches_(watches),
      settings_(std::move(settings)),
      changed_(std::move(changed)) {}

void Leader::changed(Kind kind) {
  const bool nothing_to_us = kind == Kind::EndpointSlice || kind == Kind::Secret;
  if (!desk_ || nothing_to_us) return;
  if (kind == Kind::Service)
    desk_->assigner.service_changed(store_.world());
  else
    desk_->assigner.changed();
}

void Leader::follow() {
  if (leaving_) return;
  const bool wanted = plan::has_resources(store_.world());
  if (wanted && !candidate_)
    candidate_ = std::make_unique<Candidate>(context_, access_,
                                             kube::LeaseSettings{.name_space = settings_.name_space,
                                                                 .name = kLease,
                                                                 .identity = identity_of(settings_.node),
                                                                 .chance = chance},
                                             [this](bool held) { told(held); });
  if (!wanted && candidate_) {  // nobody is needed any more
    leaving_ = true;
    return candidate_->give_back([this] {
      candidate_.reset();
      leaving_ = false;
      changed_();
    });
  }
  work();
}

/// A new holder begins with a list of Services that is not older than its lease: the one before may have assigned
/// addresses a moment ago, of which a cache does not know yet.
void Leader::told(bool held) {
  desk_ = held ? std::make_shared<Desk>(context_, access_) : nullptr;
  if (held)
    watches_.renew(Kind::Service);
  else
    watches_.settle(Kind::Service);
  changed_();
}

bool Leader::knows_enough() const {
  const auto& world = store_.world();
  if (wants_all_nodes() && !watches_.has_all_nodes()) return false;
  for (const auto kind :
       {Kind::Node, Kind::IpPool, Kind::BgpPeer, Kind::BgpFilter, Kind::BgpAdvertisement, Kind::BgpConfiguration})
    if (!world.listed.contains(kind)) return false;
  return world.pools.empty() || watches_.is_fresh(Kind::Service);
}

/// Nothing is sent that could arrive when another leads: not while a renewal was refused, and of what is asked now
/// nothing after our term.
void Leader::work() {
  if (!desk_ || !knows_enough()) return;
  auto& assigner = desk_->assigner;
  const auto until = candidate_->may_act_until();
  if (!until) return work_at(now() + kUnsure);
  auto request = assigner.next(store_.world(), now, rfc3339(static_cast<std::int64_t>(std::time(nullptr))));
  if (!request) {
    desk_->timer.cancel();
    if (const auto again = assigner.again()) work_at(*again);
    return;
  }
  request->send_before = until;
  const auto asked = desk_->client.ask(*std::move(request), [this](const auto& result) { answered(result); });
  if (!asked) answered(std::unexpected(asked.error()));
}

void Leader::answered(const Result<kube::Response>& result) {
  const auto answer = desk_->assigner.answered(result, now());
  const auto& key = answer.target.key;
  if (answer.object) {
    log::info("LoadBalancer addresses written", {{"service", key.to_string()}, {"addresses", answer.what}});
    if (store_.put_answer(key.to_string(), answer.version, *answer.object))
      changed_();
    else if (!answer.told)
      desk_->assigner.changed();  // the watch knows better
  }
  const auto trouble = desk_->assigner.trouble();
  if (trouble != trouble_ && !trouble.empty()) log::warn("not taken by the API", {{"why", trouble}});
  trouble_ = trouble;
  // Nobody knows what became of it: what Services have now must be read before another address is given away.
  if (answer.unknown) watches_.renew(Kind::Service);
  work();
}

void Leader::work_at(Instant when) {
  desk_->timer.expires_at(when);
  desk_->timer.async_wait([this, weak = std::weak_ptr(desk_)](const boost::system::error_code& error) {
    if (!error && !weak.expired()) work();
  });
}

void Leader::give_back(std::function<void()> done) {
  leaving_ = true;
  if (!candidate_) return done();
  candidate_->give_back(std::move(done));
}

std::string Leader::trouble() const {
  if (candidate_ && !candidate_->trouble().empty())
    return std::string("the lease ") + kLease + " cannot be asked for: " + candidate_->trouble();
  return desk_ ? desk_->assigner.trouble() : std::string();
}

}  // namespace slash32::agent
