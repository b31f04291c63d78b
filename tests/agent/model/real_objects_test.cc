// Objects as a real kube-apiserver 1.20.2 wrote them, with everything that we do not use.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/model/bgp.h"
#include "agent/model/ip_pool.h"
#include "agent/model/node.h"
#include "agent/model/service.h"

namespace slash32::agent::model {
namespace {

nlohmann::json object(const std::string& kind, const std::string& name) {
  std::ifstream file(std::filesystem::path(SLASH32_SOURCE_DIR) / "tests/agent/model/testdata/kubernetes-1.20.2.json");
  EXPECT_TRUE(file);
  for (const auto& one : nlohmann::json::parse(file))
    if (one["kind"] == kind && one["metadata"]["name"] == name) return one;
  ADD_FAILURE() << "no " << kind << " " << name;
  return nullptr;
}

template <class T>
T good(Result<T> result) {
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
  return result ? *std::move(result) : T{};
}

TEST(RealObjects, ANodeIsRead) {
  const auto node = good(read_node(object("Node", "n1")));
  EXPECT_EQ(node.pod_cidrs.size(), 2U);
  EXPECT_TRUE(node.address(AddressFamily::IPv4));
  EXPECT_TRUE(node.network_unavailable);
  EXPECT_EQ(node.overrides.as, Asn{64513});
}

TEST(RealObjects, AServiceIsRead) {
  const auto service = good(read_service(object("Service", "web")));
  EXPECT_EQ(service.type, ServiceType::LoadBalancer);
  EXPECT_EQ(service.external_policy, TrafficPolicy::Local);
  EXPECT_EQ(service.ip_families.size(), 2U);
  EXPECT_EQ(service.cluster_ips.size(), 2U);
  EXPECT_EQ(service.ingress.size(), 1U);
}

TEST(RealObjects, AnEndpointSliceOfV1beta1IsCountedByItsTopology) {
  // This server drops nodeName, whose feature gate is off.
  const auto slice = good(read_endpoint_slice(object("EndpointSlice", "web-abc"), "n1"));
  EXPECT_EQ(slice.service, (ObjectKey{"default", "web"}));
  EXPECT_EQ(slice.endpoints.ready, 2U);
  EXPECT_EQ(slice.endpoints.ready_here, 1U);
}

TEST(RealObjects, ASecretIsDecoded) {
  EXPECT_EQ(good(read_secret(object("Secret", "tor"))).data.at("password"), "s3cret!");
}

TEST(RealObjects, OurOwnResourcesAreRead) {
  auto conf = good(read_bgp_configuration(object("BGPConfiguration", "default")));
  conf.meta = {};
  EXPECT_EQ(conf, BgpConfiguration{});  // the schema's defaults are ours
  EXPECT_EQ(good(read_bgp_peer(object("BGPPeer", "tor1"))).settings["addPath"]["send"], "all");
  EXPECT_EQ(good(read_bgp_peer(object("BGPPeer", "tor2"))).default_gateway, AddressFamily::IPv6);
  EXPECT_EQ(good(read_bgp_filter(object("BGPFilter", "f"))).terms.size(), 1U);
  EXPECT_TRUE(good(read_bgp_advertisement(object("BGPAdvertisement", "a"))).kinds.load_balancer_ips);
  EXPECT_EQ(good(read_ip_pool(object("IPPool", "public"))).addresses.size(), 3U);
}

}  // namespace
}  // namespace slash32::agent::model
