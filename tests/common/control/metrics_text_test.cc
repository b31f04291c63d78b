// The Prometheus text format.
#include "common/control/metrics_text.h"

#include <gtest/gtest.h>

namespace slash32::control {
namespace {

TEST(MetricsText, HasHelpTypeAndSamplesOfEachFamily) {
  MetricsText out("slash32_bgp_");
  out.family("flaps_total", MetricsText::Type::Counter, "Times it went down.");
  out.sample({{"neighbor", "tor1"}, {"family", "ipv4"}}, 3);
  out.sample({{"neighbor", "tor2"}, {"family", "ipv4"}}, 18446744073709551615U);
  out.family("up", MetricsText::Type::Gauge, "1 when up.");
  out.sample({}, 1);
  EXPECT_EQ(out.text(),
            "# HELP slash32_bgp_flaps_total Times it went down.\n"
            "# TYPE slash32_bgp_flaps_total counter\n"
            "slash32_bgp_flaps_total{neighbor=\"tor1\",family=\"ipv4\"} 3\n"
            "slash32_bgp_flaps_total{neighbor=\"tor2\",family=\"ipv4\"} 18446744073709551615\n"
            "# HELP slash32_bgp_up 1 when up.\n"
            "# TYPE slash32_bgp_up gauge\n"
            "slash32_bgp_up 1\n");
}

TEST(MetricsText, EscapesWhatWouldEndALabel) {
  MetricsText out("slash32_bgp_");
  out.family("x", MetricsText::Type::Gauge, "X.");
  out.sample({{"text", "a\"b\\c\nd"}}, 0);
  EXPECT_TRUE(out.text().ends_with("slash32_bgp_x{text=\"a\\\"b\\\\c\\nd\"} 0\n")) << out.text();
}

}  // namespace
}  // namespace slash32::control
