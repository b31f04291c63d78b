// What is known of the kernel, fed by hand: the values that events bring, and a node with an uplink and a pod's link.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bgpd/fib/watch_state.h"

namespace slash32::bgp::test {

using netlink::RouteProtocol;

inline IpAddress ip(const char* text) { return *IpAddress::parse(text); }

inline netlink::Link link(int index, bool up = true, bool carrier = true) {
  netlink::Link out;
  out.index = IfIndex{index};
  out.up = up;
  out.carrier = carrier;
  return out;
}

inline netlink::Address address(int index, const char* text, std::uint8_t length) {
  netlink::Address out;
  out.link = IfIndex{index};
  out.address = ip(text);
  out.prefix_length = length;
  return out;
}

inline netlink::Route pod(const char* text, int index) {
  netlink::Route out;
  out.destination = Prefix::host(ip(text));
  out.protocol = RouteProtocol::Slash32Pod;
  out.metric = netlink::kPodMetric;
  out.next_hops = {{.gateway = {}, .link = IfIndex{index}}};
  return out;
}

inline PodEvent event(const char* text, bool live) { return {Prefix::host(ip(text)), live}; }

struct World : testing::Test {
  WatchState state{netlink::kMainTable};
  void SetUp() override {
    state.on_link(link(2), false);
    state.on_address(address(2, "192.0.2.10", 24), false);
    state.on_link(link(7), false);
    (void)state.take();
  }
};

/// A route that somebody configured, through the link.
inline netlink::Route configured(const char* to, const char* gateway, int index) {
  netlink::Route out;
  out.destination = *Prefix::parse(to, true);
  out.protocol = RouteProtocol::Static;
  out.next_hops = {{.gateway = {}, .link = IfIndex{index}}};
  if (*gateway != '\0') out.next_hops[0].gateway = ip(gateway);
  return out;
}

}  // namespace slash32::bgp::test
