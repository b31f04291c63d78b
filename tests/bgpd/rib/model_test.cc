// Random lives of a small network against a model that keeps everything and computes anew: what each neighbour heard,
// what the RIB says it told it, and what the kernel has, all as the model says; and nothing was said twice.
#include <random>

#include "bgpd/rib/decision.h"
#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

const std::vector<std::string> kPrefixes{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.1/32", "10.4.0.0/16"};
const std::vector<std::string> kHops{"192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.1"};

struct ModelPath {
  PathAttributes attributes;
  bool stale = false;
};

struct ModelPeer {
  RibPeer conf;
  bool up = false;
  std::map<Prefix, ModelPath> in;
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    // Two external neighbours of one group, one external with another policy, a client and a non-client.
    RibPeer originated_only = ebgp(3);
    originated_only.export_policies.reset();
    for (const RibPeer& peer : {ebgp(1), ebgp(2), originated_only, client(4), ibgp(5)}) {
      const auto id = static_cast<PeerId>(peer.remote_id.value);
      peers_[id].conf = peer;
      bring_up(id, {});
    }
  }

  void step() {
    const PeerId id = 1 + pick(5);
    switch (pick(16)) {
      case 0:
        return toggle_session(id);
      case 1:
        return toggle_hop();
      case 2:
        return toggle_local();
      case 3:
        return toggle_pod();
      case 4:
        return toggle_deferral();
      case 5:
        return toggle_policy(id);
      case 6:
        return say_end_of_rib(id);
      case 7:
        return world_.rib.next_hops_changed(world_.rib.next_hops());
      case 8:
      case 9:
      case 10:
        return say_withdraw(id);
      case 11:
        return partial_work();
      default:
        return say_announce(id);
    }
  }

  void check() {
    world_.settle(1 + pick(2) * 65535);
    std::map<Prefix, std::vector<FibNextHop>> fib;
    for (const FibDelta& delta : world_.rib.fib()) fib[delta.prefix] = delta.next_hops;
    ASSERT_EQ(world_.kernel, fib);
    std::map<Prefix, std::vector<FibNextHop>> wanted_fib;
    std::map<PeerId, std::map<Prefix, PathAttributes>> wanted;
    for (const std::string& text : kPrefixes) decide_prefix(net(text), wanted_fib, wanted);
    ASSERT_EQ(fib, wanted_fib);
    for (auto& [id, peer] : peers_) {
      ASSERT_EQ(world_.rib.counts(id, AddressFamily::IPv4).received, peer.in.size());
      if (!peer.up) continue;
      Listener& listener = world_.heard.at(id);
      ASSERT_EQ(listener.table, wanted[id]) << "peer " << id;
      ASSERT_EQ(world_.rib.counts(id, AddressFamily::IPv4).advertised, wanted[id].size()) << "peer " << id;
      std::map<Prefix, PathAttributes> shown;
      world_.rib.visit_advertised(id, [&](const Prefix& p, const AttributesPtr& a) { shown[p] = *a; });
      ASSERT_EQ(shown, wanted[id]) << "peer " << id;
      ASSERT_EQ(listener.repeated, 0U) << "peer " << id;
      ASSERT_EQ(listener.pointless, 0U) << "peer " << id;
    }
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string prefix() { return kPrefixes[pick(4)]; }

  void bring_up(PeerId id, const std::vector<AddressFamily>& preserved) {
    ModelPeer& peer = peers_[id];
    if (preserved.empty()) std::erase_if(peer.in, [](const auto& p) { return p.second.stale; });
    peer.up = true;
    world_.up(id, peer.conf, preserved);
  }
  void toggle_session(PeerId id) {
    ModelPeer& peer = peers_[id];
    const bool keep = pick(2) == 0;
    if (!peer.up) return bring_up(id, keep ? kBoth : std::vector<AddressFamily>{});
    peer.up = false;
    world_.down(id, keep ? kBoth : std::vector<AddressFamily>{});
    std::erase_if(peer.in, [&](const auto& p) { return !keep || p.second.stale; });
    for (auto& [p, path] : peer.in) path.stale = true;
  }
  void toggle_hop() {
    const IpAddress hop = ip(kHops[pick(4)]);
    world_.hops[hop] = NextHopState{pick(4) != 0, IfIndex{2}, pick(2)};
    world_.rib.next_hops_changed({{hop, {}}});
  }
  void toggle_local() {
    local_.clear();
    std::vector<LocalRoute> routes;
    for (const std::string& text : kPrefixes)
      if (pick(4) == 0) {
        routes.push_back({.prefix = net(text), .communities = {pick(2)}, .local_pref = {}, .med = {}});
        local_[net(text)] = routes.back();
      }
    world_.rib.set_local_routes(routes);
  }
  void toggle_pod() {
    pod_ = !pod_;
    world_.rib.set_live_pod(net("10.3.0.1/32"), pod_);
  }
  void toggle_deferral() {
    if (!deferral_ && pick(3) != 0) return;
    deferral_ = !deferral_;
    world_.rib.set_deferral(deferral_);
  }
  void toggle_policy(PeerId id) {
    ModelPeer& peer = peers_[id];
    if (!peer.conf.external) return;
    if (peer.conf.export_policies)
      peer.conf.export_policies.reset();
    else
      peer.conf.export_policies = std::vector<std::string>{"all"};
    world_.rib.peer_changed(id, peer.conf);
  }
  void say_end_of_rib(PeerId id) {
    ModelPeer& peer = peers_[id];
    if (!peer.up) return;
    std::erase_if(peer.in, [](const auto& p) { return p.second.stale; });
    world_.say(id, end_of_rib(AddressFamily::IPv4));
  }
  void say_withdraw(PeerId id) {
    if (!peers_[id].up) return;
    const std::string text = prefix();
    peers_[id].in.erase(net(text));
    world_.say(id, withdraw({text}));
  }
  void say_announce(PeerId id) {
    ModelPeer& peer = peers_[id];
    if (!peer.up) return;
    PathAttributes a = route({}, kHops[pick(4)]);
    if (pick(3) == 0) a.as_path.prepend(Asn{65100 + pick(2)});
    if (peer.conf.external) a.as_path.prepend(peer.conf.remote_as);
    if (pick(6) == 0) a.as_path.prepend(kOwnAs);  // a loop, or a wrong first AS
    if (pick(3) == 0) a.med = pick(2);
    if (pick(5) == 0) a.communities = {0xffffff01U + pick(2)};
    if (!peer.conf.external && pick(2) == 0) a.local_pref = 100 + pick(2);
    const std::string text = prefix();
    peer.in[net(text)] = {a, false};
    world_.say(id, announce({text}, a));
  }
  void partial_work() {
    world_.rib.run(pick(4));
    for (auto& [id, listener] : world_.heard)
      if (pick(2) == 0) world_.listen(id, listener, 1);
    if (pick(2) == 0) world_.kernel_takes();
  }

  // ---------------------------------------------------------------- the model's own RIB
  bool believed(const ModelPeer& peer, const Prefix& p, const PathAttributes& a) const {
    if (a.as_path.count(kOwnAs) > 0) return false;
    if (peer.conf.external && a.as_path.first() != peer.conf.remote_as) return false;
    return !(pod_ && p == net("10.3.0.1/32"));
  }
  void decide_prefix(const Prefix& p, std::map<Prefix, std::vector<FibNextHop>>& fib,
                     std::map<PeerId, std::map<Prefix, PathAttributes>>& wanted) {
    if (local_.contains(p)) {
      PathAttributes own;
      own.communities = local_[p].communities;
      tell(p, own, nullptr, wanted);
      return;
    }
    std::vector<Candidate> candidates;
    std::vector<const ModelPeer*> from;
    for (const auto& [id, peer] : peers_) {
      const auto path = peer.in.find(p);
      if (path == peer.in.end()) continue;
      const NextHopState hop = world_.resolve({path->second.attributes.next_hop, {}});
      Candidate c;
      c.attributes = &path->second.attributes;
      c.external = peer.conf.external;
      c.igp_cost = hop.igp_cost;
      c.router_id = peer.conf.remote_id;
      c.peer_address = peer.conf.address;
      c.eligible = !deferral_ && hop.resolved && believed(peer, p, path->second.attributes);
      candidates.push_back(c);
      from.push_back(&peer);
    }
    const auto best = decide(candidates);
    if (!best) return;
    std::set<FibNextHop> hops;
    for (const Candidate& c : candidates)
      if (c.multipath) hops.insert({c.attributes->next_hop, IfIndex{2}});
    fib[p] = {hops.begin(), hops.end()};
    tell(p, *candidates[*best].attributes, from[*best], wanted);
  }
  void tell(const Prefix& p, const PathAttributes& a, const ModelPeer* from,
            std::map<PeerId, std::map<Prefix, PathAttributes>>& wanted) {
    for (const auto& [id, peer] : peers_) {
      if (!peer.up || &peer == from) continue;
      const bool inside = from != nullptr && !from->conf.external;
      const RibPeer& to = peer.conf;
      if (inside && !to.external && !from->conf.route_reflector_client && !to.route_reflector_client) continue;
      if (from != nullptr && to.external && !to.export_policies) continue;
      if (from != nullptr && !a.communities.empty() && (a.communities[0] == 0xffffff02 || to.external)) continue;
      if (from != nullptr && !to.external && a.next_hop == to.address) continue;
      wanted[id][p] = as_sent(a, from, to);
    }
  }
  static PathAttributes as_sent(PathAttributes a, const ModelPeer* from, const RibPeer& to) {
    if (from == nullptr || to.external) a.next_hop = ip("192.0.2.254");
    if (to.external) {
      a.as_path.prepend(kOwnAs);
      a.local_pref.reset();
      a.med.reset();
      return a;
    }
    a.local_pref = a.local_pref.value_or(100);
    if (from != nullptr && !from->conf.external) {
      a.originator_id = from->conf.remote_id;
      a.cluster_list = {kOwnId};
    }
    return a;
  }

  std::mt19937 random_;
  World world_;
  std::map<PeerId, ModelPeer> peers_;
  std::map<Prefix, LocalRoute> local_;
  bool pod_ = false;
  bool deferral_ = false;
};

class RibAgainstModel : public testing::TestWithParam<unsigned> {};

TEST_P(RibAgainstModel, RandomLives) {
  Model model{GetParam()};
  for (int i = 0; i < 400; ++i) {
    model.step();
    if (i % 5 != 4) continue;
    model.check();
    if (testing::Test::HasFatalFailure()) FAIL() << "seed " << GetParam() << ", step " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RibAgainstModel, testing::Range(1U, 21U));

}  // namespace
}  // namespace slash32::bgp::test
