// Objects of the Kubernetes API: what is read of them, and what is said of those that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/model/node.h"
#include "agent/model/selector.h"
#include "agent/model/service.h"

namespace slash32::agent::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Prefix net(const char* text) { return *Prefix::parse(text); }

const json kNode = json::parse(R"({
  "kind": "Node", "apiVersion": "v1",
  "metadata": {"name": "n1", "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": null,
    "labels": {"rack": "a"}, "managedFields": [{"x": 1}],
    "annotations": {"slash32.io/as": "64513", "slash32.io/router-id": "10.0.0.1",
                    "slash32.io/address": "10.9.0.1, fd00::1", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
  "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd00:244:1::/64"], "unschedulable": true,
           "providerID": "x"},
  "status": {"addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"},
                           {"type": "ExternalIP", "address": "198.51.100.1"}],
             "conditions": [{"type": "Ready", "status": "True"}, {"type": "NetworkUnavailable", "status": "True"}]}})");

TEST(Node, IsReadWithWhatTheAgentUses) {
  const auto node = read_node(kNode);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->meta.key.name, "n1");
  EXPECT_EQ(node->meta.annotations.size(), 3U);  // ours only
  EXPECT_THAT(node->pod_cidrs, ElementsAre(net("10.244.1.0/24"), net("fd00:244:1::/64")));
  EXPECT_THAT(node->internal_ips, ElementsAre(ip("10.0.0.1")));
  EXPECT_TRUE(node->unschedulable);
  EXPECT_TRUE(node->network_unavailable);
  EXPECT_EQ(node->overrides.as, Asn{64513});
  EXPECT_EQ(node->overrides.router_id, RouterId{0x0a000001});
}

TEST(Node, PeersFromTheAddressesOfItsAnnotation) {
  const auto node = read_node(kNode);
  ASSERT_TRUE(node);
  EXPECT_EQ(node->address(AddressFamily::IPv4), ip("10.9.0.1"));
  EXPECT_EQ(node->address(AddressFamily::IPv6), ip("fd00::1"));
}

TEST(Node, OfAnOlderServerHasOnePodCidr) {
  auto object = kNode;
  object["spec"].erase("podCIDRs");
  EXPECT_THAT(read_node(object)->pod_cidrs, ElementsAre(net("10.244.1.0/24")));
  object["spec"] = nullptr;
  EXPECT_TRUE(read_node(object)->pod_cidrs.empty());
}

TEST(Node, WithABrokenAnnotationStaysAndSaysWhere) {
  auto object = kNode;
  object["metadata"]["annotations"]["slash32.io/as"] = "65x";
  object["metadata"]["annotations"]["slash32.io/router-id"] = "0.0.0.0";
  object["metadata"]["annotations"]["slash32.io/address"] = "10.0.0.1,10.0.0.2";
  const auto node = read_node(object);
  ASSERT_TRUE(node);
  ASSERT_EQ(node->overrides.errors.size(), 3U);
  EXPECT_EQ(node->overrides.errors[0].message, "/metadata/annotations/slash32.io~1as: must be an AS number");
  EXPECT_THAT(node->overrides.errors[1].message, HasSubstr("/metadata/annotations/slash32.io~1router-id: must be"));
  EXPECT_THAT(node->overrides.errors[2].message, HasSubstr("at most one address of each family"));
  EXPECT_EQ(node->address(AddressFamily::IPv4), ip("10.0.0.1"));  // its InternalIP
}

TEST(Node, WithAWrongTypeIsAnErrorWithItsPlace) {
  auto object = kNode;
  object["spec"]["podCIDRs"][1] = 5;
  EXPECT_THAT(read_node(object).error().message, HasSubstr("/spec/podCIDRs/1: "));
  object = kNode;
  object["status"]["addresses"][1].erase("address");
  EXPECT_EQ(read_node(object).error().message, "/status/addresses/1/address: is missing");
  object = kNode;
  object["metadata"]["labels"]["rack"] = 1;
  EXPECT_THAT(read_node(object).error().message, HasSubstr("/metadata/labels/rack: "));
  EXPECT_FALSE(read_node(json(3)));
  EXPECT_FALSE(read_node(json::object()));
}

TEST(Problem, NamesTheObjectAsFarAsItSaysItself) {
  const auto object = json::parse(R"({"metadata": {"name": "web", "namespace": "prod"}, "spec": 5})");
  const auto problem = problem_of(Kind::Service, object, read_service(object).error());
  EXPECT_EQ(problem.key.to_string(), "prod/web");
  EXPECT_EQ(problem.message, "/spec: must be an object");
  EXPECT_EQ(problem_of(Kind::Service, json("x"), {}).key, ObjectKey{});
}

TEST(Service, IsReadWithWhatTheAgentUses) {
  const auto service = read_service(json::parse(R"({
    "metadata": {"name": "web", "namespace": "prod", "labels": {"app": "web"}},
    "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9", "fd00:96::9"],
             "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack", "externalIPs": ["203.0.113.5"],
             "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster", "loadBalancerIP": "192.0.2.7",
             "loadBalancerClass": "slash32.io/bgp", "selector": {"app": "web"},
             "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]},
    "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7", "ipMode": "VIP"}, {"ip": "192.0.2.8", "ipMode": "Proxy"}, {"hostname": "x.example"}]}}})"));
  ASSERT_TRUE(service) << service.error().message;
  EXPECT_EQ(service->type, ServiceType::LoadBalancer);
  EXPECT_EQ(service->cluster_ips.size(), 2U);
  EXPECT_TRUE(service->require_dual_stack);
  EXPECT_EQ(service->external_policy, TrafficPolicy::Local);
  EXPECT_EQ(service->internal_policy, TrafficPolicy::Cluster);
  EXPECT_THAT(service->ingress, ElementsAre(ip("192.0.2.7"), ip("192.0.2.8")));
  EXPECT_THAT(service->proxied, ElementsAre(ip("192.0.2.8")));
  EXPECT_TRUE(service->ingress_by_name);
  EXPECT_THAT(service->ports, ElementsAre(ServicePort{"TCP", 80}, ServicePort{"UDP", 53}));
}

TEST(Service, MayBeHeadlessOrAnotherName) {
  const auto headless = read_service(json::parse(R"({"metadata": {"name": "a"}, "spec": {"clusterIP": "None"}})"));
  EXPECT_TRUE(headless->headless);
  EXPECT_TRUE(headless->cluster_ips.empty());
  const auto name = read_service(
      json::parse(R"({"metadata": {"name": "a"}, "spec": {"type": "ExternalName", "externalName": "x.example"}})"));
  EXPECT_EQ(name->type, ServiceType::ExternalName);
}

TEST(Service, WithAnUnknownPolicyIsAnError) {
  const auto service =
      read_service(json::parse(R"({"metadata": {"name": "a"}, "spec": {"externalTrafficPolicy": "Nearest"}})"));
  EXPECT_THAT(service.error().message, HasSubstr("/spec/externalTrafficPolicy: must be one of \"Cluster\", \"Local\""));
}

TEST(EndpointSlice, CountsWhoIsReadyAndWhoLeavesHereAndElsewhere) {
  const auto slice = read_endpoint_slice(json::parse(R"({
    "metadata": {"name": "web-x", "namespace": "prod", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [
      {"addresses": ["10.244.1.2"], "nodeName": "n1", "conditions": {"ready": true, "serving": true}},
      {"addresses": ["10.244.1.3"], "nodeName": "n1", "conditions": {}},
      {"addresses": ["10.244.1.4"], "nodeName": "n1", "conditions": {"ready": false, "serving": true, "terminating": true}},
      {"addresses": ["10.244.1.5"], "nodeName": "n1", "conditions": {"ready": true, "terminating": true}},
      {"addresses": ["10.244.1.6"], "nodeName": "n1", "conditions": {"ready": false, "serving": false, "terminating": true}},
      {"addresses": ["10.244.1.7"], "nodeName": "n1", "conditions": {"ready": false, "serving": true}},
      {"addresses": ["10.244.2.2"], "nodeName": "n2", "conditions": {"ready": null}},
      {"addresses": ["10.244.2.4"], "nodeName": "n2", "conditions": {"ready": false, "serving": true, "terminating": true}},
      {"addresses": ["10.244.2.3"]}]})"),
                                         "n1");
  ASSERT_TRUE(slice) << slice.error().message;
  EXPECT_EQ(slice->service, (ObjectKey{"prod", "web"}));
  EXPECT_EQ(slice->endpoints, (Endpoints{.ready = 4, .ready_here = 2, .leaving = 3, .leaving_here = 2}));
}

TEST(EndpointSlice, OfV1beta1SaysTheNodeInItsTopology) {
  const auto slice = read_endpoint_slice(json::parse(R"({
    "metadata": {"name": "web-x", "namespace": "prod", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv6",
    "endpoints": [{"addresses": ["fd00::2"], "topology": {"kubernetes.io/hostname": "n1"}}]})"),
                                         "n1");
  ASSERT_TRUE(slice) << slice.error().message;
  EXPECT_EQ(slice->family, AddressFamily::IPv6);
  EXPECT_EQ(slice->endpoints.ready_here, 1U);
}

TEST(EndpointSlice, WithoutEndpointsHasNone) {
  const auto slice = read_endpoint_slice(
      json::parse(R"({"metadata": {"name": "x"}, "addressType": "FQDN", "endpoints": null})"), "n1");
  EXPECT_EQ(slice->endpoints, Endpoints{});
  EXPECT_TRUE(slice->fqdn);
  EXPECT_TRUE(slice->service.name.empty());
}

TEST(Secret, IsDecoded) {
  const auto secret = read_secret(
      json::parse(R"({"metadata": {"name": "tor", "namespace": "s"}, "data": {"password": "czNjcmV0IQ==", "e": ""}})"));
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->data.at("password"), "s3cret!");
  EXPECT_EQ(secret->data.at("e"), "");
  EXPECT_THAT(read_secret(json::parse(R"({"metadata": {"name": "t"}, "data": {"p": "!!!!"}})")).error().message,
              HasSubstr("/data/p: must be base64"));
}

TEST(Selector, DecidesAsTheApiServerDoes) {
  const auto matches = [](const char* text, const Labels& labels) {
    const auto document = json::parse(text);
    const auto selector = read_selector(JsonField(document));
    return selector && selector->matches(labels);
  };
  EXPECT_TRUE(matches("{}", {}));
  EXPECT_TRUE(matches(R"({"matchLabels": {"a": "1"}})", {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(matches(R"({"matchLabels": {"a": "1"}})", {{"a", "2"}}));
  EXPECT_TRUE(matches(R"({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]})", {}));
  EXPECT_FALSE(matches(R"({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]})", {}));
  EXPECT_TRUE(matches(R"({"matchExpressions": [{"key": "a", "operator": "Exists"}]})", {{"a", ""}}));
  EXPECT_FALSE(matches(R"({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]})", {{"a", ""}}));
}

TEST(Selector, WithAWrongOperatorNamesThePlace) {
  const auto document = json::parse(R"({"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]})");
  EXPECT_THAT(read_selector(JsonField(document)).error().message, HasSubstr("/matchExpressions/0/operator: must be"));
}

}  // namespace
}  // namespace slash32::agent::model
