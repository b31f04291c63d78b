// The tables: what an operator sees for a document, also for one that lacks every field.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/route_text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

TEST(RenderNeighbors, PutsOneSessionOnALine) {
  const json document = json::parse(R"({"neighbors":[
    {"name":"tor1","address":"10.0.1.254","remoteAs":65000,"localAs":64512,"type":"external","state":"Established",
     "uptimeSeconds":3723,"holdTime":90,"keepaliveTime":30,"flaps":0,"lastError":"",
     "families":{"ipv4":{"received":12,"accepted":10,"advertised":3},"ipv6":{"received":0,"accepted":0,"advertised":1}}},
    {"name":"n2","address":"10.0.1.2","remoteAs":64512,"type":"internal","state":"Active","flaps":4,
     "lastError":"hold timer expired"}]})");
  EXPECT_EQ(render_neighbors(document),
            "NAME  ADDRESS        AS  TYPE      STATE           UP  FLAPS  IPV4 RCV/ACC/ADV  IPV6 RCV/ACC/ADV  NOTE\n"
            "tor1  10.0.1.254  65000  external  Established  1h02m      0           12/10/3             0/0/1  -\n"
            "n2    10.0.1.2    64512  internal  Active           -      4                 -                 -  "
            "hold timer expired\n");
}

TEST(RenderNeighbors, SaysNoPolicyBesideTheZero) {
  const json document = json::parse(R"({"neighbors":[{"name":"a","state":"Established","policy":"no policy"},
    {"name":"b","state":"Established","policy":{"import":"no policy","export":["own","x"]}},
    {"name":"c","state":"Established","policy":{"import":["all"],"export":["own"]}}]})");
  const std::string text = render_neighbors(document);
  EXPECT_NE(text.find("  no policy\n"), std::string::npos) << text;
  EXPECT_NE(text.find("export own,x; import no policy\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("import all"), std::string::npos) << text;
}

TEST(RenderNeighbors, SaysWhenThereAreNone) {
  EXPECT_EQ(render_neighbors(json::parse(R"({"neighbors":[]})")), "no neighbors are configured\n");
  EXPECT_EQ(render_neighbors(json::object()), "no neighbors are configured\n");
}

TEST(RenderNeighbor, TellsEverythingAboutOne) {
  const json neighbor = json::parse(R"({"name":"tor1","remoteAs":65000,"holdTime":90,"keepaliveTime":30,
    "lastError":{"message":"sent Cease/2"},"gracefulRestart":{"negotiated":true},"remoteId":"10.0.1.254","families":{"ipv6":{"received":1,"accepted":1,"advertised":2}}})");
  const std::string text = render_neighbor(neighbor);
  for (const char* line :
       {"neighbor    tor1\n", "remote AS   65000\n", "hold time   1m30s\n", "keepalive   30s\n",
        "last error  sent Cease/2\n", "remote ID   10.0.1.254\n", "restart     graceful, negotiated\n",
        "ipv6        1 received, 1 accepted, 2 advertised\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(RenderNeighbor, TellsTimersOpensAndCapabilitiesALineEach) {
  const std::string text = render_neighbor(json::parse(R"({"name":"tor1",
    "timers":{"configured":{"holdTime":90},"negotiated":{"holdTime":9},
              "remaining":{"hold":8.25,"restart":{"ipv4":81}}},
    "open":{"sent":{"time":"2026-11-22T00:00:00Z","as":64512,"routerId":"10.0.0.1","holdTime":90},"received":null},
    "capabilities":{"local":[{"code":1,"name":"multiprotocol","family":"ipv4"},
                             {"code":69,"name":"addPath","families":[{"family":"ipv6","receive":true,"send":false}]},
                             {"code":254,"hex":"beef"}],
                    "remote":null,
                    "negotiated":[{"name":"multiprotocol","families":["ipv4","ipv6"]}]}})"));
  for (const char* line :
       {"time left   hold 8.25 s, restart (ipv4 81 s)\n", "configured  holdTime 90 s\n", "agreed on   holdTime 9 s\n",
        "our OPEN    2026-11-22T00:00:00Z, AS 64512, ID 10.0.0.1, hold time 90 s\n",
        "            1 multiprotocol: ipv4\n", "            69 addPath: (ipv6, receive, no send)\n",
        "            254: hex beef\n", "            multiprotocol: ipv4, ipv6\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_EQ(text.find("its OPEN"), std::string::npos) << "none came";
}

TEST(RenderNeighbor, TimersAndCapabilitiesMayBeOfAnyShape) {
  for (const char* odd : {"null", "7", "[]", "[7]", R"({"local":7,"remote":[null,"x"],"negotiated":[[1]]})",
                          R"({"remaining":[1],"configured":{"a":null},"negotiated":{"b":{"c":[]}}})"})
    for (const char* key : {"timers", "open", "capabilities"})
      EXPECT_FALSE(render_neighbor(json::parse(std::string(R"({"name":"a",")") + key + R"(":)" + odd + "}")).empty())
          << key << odd;
}

TEST(RenderNeighbor, TellsWhatGracefulRestartBridges) {
  const auto text = [](const char* restart) {
    return render_neighbor(json::parse(std::string(R"({"name":"tor1","gracefulRestart":)") + restart + "}"));
  };
  EXPECT_NE(
      text(R"({"negotiated":true,"notification":true})").find("graceful, negotiated, also after a NOTIFICATION\n"),
      std::string::npos);
  EXPECT_NE(text(R"({"negotiated":true,"notification":false})").find("graceful, negotiated\n"), std::string::npos);
  EXPECT_NE(text(R"({"negotiated":false,"notification":false})").find("not graceful\n"), std::string::npos);
}

TEST(RenderNeighbor, TellsWhatIsLongLivedAndForHowLong) {
  const std::string text = render_neighbor(json::parse(R"({"name":"tor1","gracefulRestart":{"negotiated":true,
      "longLived":{"staleTime":{"ipv4":600,"ipv6":0}}},"stale":[{"family":"ipv4","longLived":true,"secondsLeft":81},
      {"family":"ipv6","longLived":false}]})"));
  EXPECT_NE(text.find("graceful, negotiated, long-lived ipv4 600 s\n"), std::string::npos) << text;
  EXPECT_NE(text.find("stale       ipv4 long-lived for 81 s more, ipv6\n"), std::string::npos) << text;
}

TEST(RenderNeighbor, TellsHowBfdStands) {
  const auto line = [](const char* bfd) {
    const std::string text = render_neighbor(json::parse(std::string(R"({"name":"tor1","bfd":)") + bfd + "}"));
    const auto start = text.find("BFD");
    return text.substr(start, text.find('\n', start) - start);
  };
  EXPECT_EQ(line(R"({"state":"Up","remoteState":"Up","diagnostic":"no diagnostic","transmitInterval":50,
      "detectionTime":150,"since":"2026-11-22T03:15:28Z"})"),
            "BFD         Up, neighbor Up; sent every 50 ms, a failure after 150 ms; since 2026-11-22T03:15:28Z");
  EXPECT_EQ(line(R"({"state":"Down","remoteState":"Down","diagnostic":"control detection time expired",
      "since":"2026-11-22T03:15:28Z"})"),
            "BFD         Down (control detection time expired), neighbor Down; since 2026-11-22T03:15:28Z");
  EXPECT_EQ(line(R"({"state":"Down","trouble":"no interface \"up9\""})"), "BFD         no interface \"up9\"");
}

TEST(RenderNeighbor, TellsTheLastErrorsOfBothDirectionsWithTheirMessages) {
  const std::string text = render_neighbor(json::parse(R"({"name":"tor1","errors":{
    "sent":{"time":"2026-11-22T03:15:28Z","code":3,"subcode":11,"name":"UPDATE Message Error/Malformed AS_PATH",
      "data":"400205","message":{"octets":5000,"truncated":true,"hex":"ffffffffffffffffffffffffffffffff001702aabbccddeeff001122334455667788"}},
    "received":{"time":"2026-11-22T03:15:29Z","code":6,"subcode":9,"name":"Cease/Hard Reset",
      "cause":{"code":6,"subcode":2,"name":"Cease/Administrative Shutdown","text":"bye"}},
    "malformedUpdate":{"time":"2026-11-22T03:15:30Z","treatment":"treatAsWithdraw","why":"ORIGIN is bad","attribute":1,
      "attributeName":"ORIGIN","offset":23,"message":{"octets":3,"hex":"ffff01"}}}})"));
  EXPECT_NE(text.find("last sent   2026-11-22T03:15:28Z UPDATE Message Error/Malformed AS_PATH (3/11)\n"
                      "            data 400205\n"
                      "            about the neighbor's message, 5000 octets, the first of them:\n"
                      "                 0  ffffffff ffffffff ffffffff ffffffff 001702aa bbccddee ff001122 33445566\n"
                      "                32  7788\n"
                      "last recvd  2026-11-22T03:15:29Z Cease/Hard Reset (6/9)\n"
                      "            because of Cease/Administrative Shutdown (6/2): \"bye\"\n"
                      "last UPDATE 2026-11-22T03:15:30Z malformed, treatAsWithdraw (RFC 7606): ORIGIN is bad\n"
                      "            attribute 1 (ORIGIN), at octet 23\n"
                      "            the message, 3 octets:\n"
                      "                 0  ffff01\n"),
            std::string::npos)
      << text;
}

TEST(RenderNeighbor, TakesErrorsOfAnyShape) {
  for (const char* text : {"null", "[]", R"({"sent":1,"received":[],"malformedUpdate":"x"})",
                           R"({"sent":{"message":{"hex":7}},"received":{"cause":{}},"malformedUpdate":{}})"})
    EXPECT_FALSE(render_neighbor(json::parse(std::string(R"({"name":"a","errors":)") + text + "}")).empty()) << text;
}

TEST(RenderRoute, ShowsThePathsAndWhomTheBestWasSentToOrWhyNot) {
  const std::string text = render_route(json::parse(R"({"prefix":"10.1.0.0/16",
    "paths":[{"prefix":"10.1.0.0/16","nextHop":"10.0.0.1","neighbor":"tor1","best":true,"why":"","wonBy":"shorter AS_PATH"}],
    "neighbors":[{"neighbor":"tor2","sent":true,"nextHop":"10.0.0.9","asPath":[64512,65000],"communities":["no-peer"]},
      {"neighbor":"tor1","sent":false,"reason":"splitHorizon","why":"learned from this neighbour"}]})"));
  EXPECT_NE(text.find("best: shorter AS_PATH\n\n"), std::string::npos) << text;
  EXPECT_NE(text.find("NEIGHBOR  SENT  NEXT HOP  AS PATH      COMMUNITIES  WHY NOT\n"
                      "tor2      yes   10.0.0.9  64512 65000  no-peer      -\n"
                      "tor1      no    -         -            -            learned from this neighbour\n"),
            std::string::npos)
      << text;
}

TEST(RenderRoute, TakesADocumentThatLacksEverything) {
  for (const char* text : {"{}", R"({"paths":null,"neighbors":7})", R"({"paths":[1],"neighbors":[null,[]]})"})
    EXPECT_NE(render_route(json::parse(text)).find('\n'), std::string::npos) << text;
}

TEST(RenderRoutes, ShowsFlagsAttributesAndTheReason) {
  const json document = json::parse(R"({"routes":[
    {"prefix":"10.244.1.0/24","best":true,"multipath":false,"source":"local","neighbor":null,"installed":false,
     "resolved":true,"stale":false,"asPath":[],"origin":"IGP","localPref":100,"med":null,"communities":[],"why":""},
    {"prefix":"10.244.2.0/24","best":true,"multipath":true,"source":"ebgp","neighbor":"tor1","nextHop":"10.0.1.254",
     "resolved":true,"installed":true,"stale":true,"asPath":[65000,[64513,64514]],"origin":"IGP","localPref":100,
     "med":5,"communities":[4259840001,"65000:2"],"why":"best"},
    {"prefix":"10.244.2.0/24","best":false,"multipath":true,"source":"ebgp","neighbor":"tor2","nextHop":"10.0.1.253",
     "resolved":false,"why":"higher MED"}]})");
  EXPECT_EQ(
      render_routes(document).substr(render_routes(document).find('\n') + 1),
      "FLAGS  PREFIX         NEXT HOP    FROM   LOCPREF  MED  ORIGIN  AS PATH              COMMUNITIES      WHY\n"
      ">      10.244.1.0/24  -           local      100    -  IGP     -                    -                -\n"
      ">ks    10.244.2.0/24  10.0.1.254  tor1       100    5  IGP     65000 {64513 64514}  65000:1 65000:2  best\n"
      "=!     10.244.2.0/24  10.0.1.253  tor2         -    -  -       -                    -                "
      "higher MED\n");
}

TEST(RenderRoutes, SurvivesAnyDocument) {
  for (const char* text : {"{}", R"({"routes":null})", R"({"routes":[]})", R"({"routes":[null,1,"x",[],{}]})",
                           R"({"routes":[{"asPath":{"a":1},"communities":[{},-1,99999999999],"best":"yes"}]})"}) {
    EXPECT_FALSE(render_routes(json::parse(text)).empty()) << text;
    EXPECT_FALSE(render_neighbors(json::parse(text)).empty()) << text;
    EXPECT_FALSE(render_status(json::parse(text)).empty()) << text;
  }
}

TEST(RenderStatus, NamesWhatIsWrong) {
  const json document = json::parse(R"({"version":"0.1.0","routerId":"10.0.1.1","localAs":64512,"uptimeSeconds":61,
    "state":"running","neighbors":{"configured":3,"established":2},"prefixes":12,"pods":4,"aggregates":[{"prefix":"10.244.1.0/24","ready":true},
    {"prefix":"fd00::/64","ready":false}],"fib":{"installed":12,"failed":0},
    "conditions":[{"type":"FibConflict","message":"10.9.0.0/24 is another's"},"clock jumped"]})");
  EXPECT_EQ(render_status(document),
            "version     0.1.0\n"
            "state       running\n"
            "up          1m01s\n"
            "router ID   10.0.1.1\n"
            "local AS    64512\n"
            "neighbors   configured 3, established 2\n"
            "prefixes    12\n"
            "pods        4\n"
            "aggregates  10.244.1.0/24 (ready), fd00::/64 (not ready)\n"
            "kernel      failed 0, installed 12\n"
            "condition   FibConflict: 10.9.0.0/24 is another's\n"
            "condition   clock jumped\n");
}

TEST(RenderStatus, SaysWhichConfigurationIsInForce) {
  const auto line_of = [](const char* configuration) {
    const auto text = render_status(json::parse(std::string(R"({"configuration":)") + configuration + "}"));
    const auto at = text.find("configured");
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(line_of(R"({"source":"file","file":"/etc/b.json","since":"2026-11-22T03:15:28Z","sha256":"ab"})"),
            "configured  /etc/b.json, since 2026-11-22T03:15:28Z");
  EXPECT_EQ(line_of(R"({"source":"put","file":"/etc/b.json","since":"2026-11-22T03:15:28Z","kept":"/run/s.put"})"),
            "configured  PUT in the place of /etc/b.json, since 2026-11-22T03:15:28Z, kept in /run/s.put");
}

TEST(RoutesTarget, EncodesItsQuery) {
  EXPECT_EQ(routes_target({}), "/v1/routes");
  EXPECT_EQ(routes_target({.prefix = "fd00::/64", .neighbor = "a b&c", .family = "ipv6"}),
            "/v1/routes?prefix=fd00%3A%3A%2F64&neighbor=a%20b%26c&family=ipv6");
}

TEST(ParseDocument, RefusesWhatIsNoObject) {
  for (const char* text : {"", "[]", "{", "null", "{}x", "\xff"})
    EXPECT_FALSE(parse_document(text, "/v1/status")) << text;
}

class RenderIpam : public testing::Test {
 protected:
  const Moment now_{.boot_time = 100s, .wall_time = std::chrono::system_clock::time_point{1767323045s}};
  const std::vector<ipam::Record> records_{{.key = {.network = "pods", .container_id = "c0ffee", .ifname = "eth0"},
                                            .address = IpAddress::parse("10.244.1.2").value(),
                                            .subnet = Prefix::parse("10.244.1.0/24").value(),
                                            .since = 90s},
                                           {.key = {.network = "pods", .container_id = "old\n\xff", .ifname = "eth0"},
                                            .address = IpAddress::parse("fd00::2").value(),
                                            .subnet = Prefix::parse("fd00::/64").value(),
                                            .since = 5000s}};
};

TEST_F(RenderIpam, TellsTimesOfThisBootOnly) {
  EXPECT_EQ(render_ipam(records_, now_),
            "ADDRESS     NETWORK  CONTAINER    IFNAME  SINCE\n"
            "10.244.1.2  pods     c0ffee       eth0    2026-01-02T03:03:55Z\n"
            "fd00::2     pods     old\\x0a\\xff  eth0    -\n");
}

TEST_F(RenderIpam, HasADocumentAsWell) {
  const json document = ipam_document(records_, now_);
  EXPECT_EQ(document["allocations"][0], json::parse(R"({"address":"10.244.1.2","subnet":"10.244.1.0/24",
    "network":"pods","containerId":"c0ffee","ifname":"eth0","since":"2026-01-02T03:03:55Z"})"));
  EXPECT_TRUE(document["allocations"][1]["since"].is_null());
}

TEST_F(RenderIpam, SaysWhenThereIsNothing) { EXPECT_EQ(render_ipam({}, now_), "no addresses are allocated\n"); }

}  // namespace
}  // namespace slash32::ctl
