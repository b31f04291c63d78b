// The dispatcher: verbs by versions, faults together, exactly one document on stdout.
#include "common/cni/skel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/cni/fake_env.h"
#include "tests/cni/recorder.h"

namespace slash32::cni {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

struct VerbAndVersion {
  const char* verb;
  const char* version;
  int code;  // 0: runs
};
class SkelVersions : public testing::TestWithParam<VerbAndVersion> {};
TEST_P(SkelVersions, RunsExactlyTheVerbsThatTheVersionHas) {
  const auto& row = GetParam();
  auto config = config_of(row.version);
  config["cni.dev/valid-attachments"] = json::array();
  auto world = world_of(row.verb, config);
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), row.code == 0 ? 0 : 1);
  if (row.code == 0) {
    EXPECT_THAT(recorder.called, testing::ElementsAre(row.verb));
    EXPECT_EQ(world.out.empty(), std::string(row.verb) != "ADD");
    if (std::string(row.verb) == "ADD") {
      EXPECT_EQ(world.document()["cniVersion"], row.version);
    }
  } else {
    EXPECT_TRUE(recorder.called.empty());
    EXPECT_EQ(world.document()["code"], row.code);
  }
}
std::string row_name(const testing::TestParamInfo<VerbAndVersion>& info) {
  std::string name = std::string(info.param.verb) + "_" + info.param.version;
  for (auto& c : name)
    if (c == '.') c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, SkelVersions,
                         testing::Values(VerbAndVersion{"ADD", "0.2.0", 1}, VerbAndVersion{"ADD", "0.3.0", 1},
                                         VerbAndVersion{"ADD", "0.3.1", 0}, VerbAndVersion{"ADD", "0.4.0", 0},
                                         VerbAndVersion{"ADD", "1.0.0", 0}, VerbAndVersion{"ADD", "1.1.0", 0},
                                         VerbAndVersion{"ADD", "1.2.0", 1}, VerbAndVersion{"DEL", "0.3.1", 0},
                                         VerbAndVersion{"DEL", "0.4.0", 0}, VerbAndVersion{"DEL", "1.0.0", 0},
                                         VerbAndVersion{"DEL", "1.1.0", 0}, VerbAndVersion{"DEL", "9.9.9", 0},
                                         VerbAndVersion{"CHECK", "0.3.1", 1}, VerbAndVersion{"CHECK", "0.4.0", 0},
                                         VerbAndVersion{"CHECK", "1.0.0", 0}, VerbAndVersion{"CHECK", "1.1.0", 0},
                                         VerbAndVersion{"STATUS", "0.4.0", 1}, VerbAndVersion{"STATUS", "1.0.0", 1},
                                         VerbAndVersion{"STATUS", "1.1.0", 0}, VerbAndVersion{"GC", "0.3.1", 1},
                                         VerbAndVersion{"GC", "1.0.0", 1}, VerbAndVersion{"GC", "1.1.0", 0},
                                         VerbAndVersion{"GC", "9.9.9", 1}),
                         row_name);

TEST(Skel, DelGoesOnWithAVersionThatNobodyHasAndSaysSo) {
  for (const char* version : {"\"9.9.9\"", "\"1.0\"", "1.0", "null", "{}"}) {
    auto world = world_of("DEL", {});
    world.in = std::string(R"({"name":"net","type":"x","cniVersion":)") + version + "}";
    std::vector<std::string> ignored;
    Recorder recorder;
    auto handlers = recorder.handlers();
    handlers.del = [&](const Call& call) {
      ignored = call.ignored;
      return ok();
    };
    EXPECT_EQ(run(kProgram, world.env(), handlers), 0) << version << ": " << world.out;
    ASSERT_EQ(ignored.size(), 1U);
    EXPECT_THAT(ignored[0], HasSubstr("/cniVersion: "));
  }
}

struct Missing {
  const char* verb;
  std::vector<std::string> required;
};
class SkelVariables : public testing::TestWithParam<Missing> {};
TEST_P(SkelVariables, ReportsEveryMissingOneTogetherAsCode4) {
  FakeWorld world;
  world.variables = {{"CNI_COMMAND", GetParam().verb}};
  auto config = config_of("1.1.0");
  config["cni.dev/valid-attachments"] = json::array();
  world.in = config.dump();
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
  EXPECT_EQ(world.document()["code"], kInvalidEnvironment);
  const std::string message = world.document()["msg"];
  for (const auto* name : {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"}) {
    const auto& required = GetParam().required;
    const bool is_required = std::ranges::find(required, name) != required.end();
    EXPECT_EQ(message.find(name) != std::string::npos, is_required) << name << " in: " << message;
  }
  EXPECT_TRUE(recorder.called.empty());
}
INSTANTIATE_TEST_SUITE_P(Verbs, SkelVariables,
                         testing::Values(Missing{"ADD", {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"}},
                                         Missing{"CHECK", {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"}},
                                         Missing{"DEL", {"CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"}},
                                         Missing{"STATUS", {"CNI_PATH"}}, Missing{"GC", {"CNI_PATH"}}),
                         [](const auto& row) { return std::string(row.param.verb); });

struct BadValue {
  const char* name;
  const char* variable;
  std::string value;
};
class SkelValues : public testing::TestWithParam<BadValue> {};
TEST_P(SkelValues, AreRefusedWithCode4AndTheVariablesName) {
  auto world = world_of("ADD", config_of("1.0.0"));
  world.variables[GetParam().variable] = GetParam().value;
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
  EXPECT_EQ(world.document()["code"], kInvalidEnvironment);
  EXPECT_THAT(world.document()["msg"].get<std::string>(), HasSubstr(GetParam().variable));
  EXPECT_TRUE(recorder.called.empty());
}
INSTANTIATE_TEST_SUITE_P(
    All, SkelValues,
    testing::Values(BadValue{"id_with_slash", "CNI_CONTAINERID", "../../etc"},
                    BadValue{"id_begins_with_dash", "CNI_CONTAINERID", "-a"},
                    BadValue{"id_with_space", "CNI_CONTAINERID", "a b"},
                    BadValue{"id_not_utf8", "CNI_CONTAINERID", "a\xff"},
                    BadValue{"ifname_16_bytes", "CNI_IFNAME", "abcdefghijklmnop"},
                    BadValue{"ifname_dot", "CNI_IFNAME", "."}, BadValue{"ifname_dotdot", "CNI_IFNAME", ".."},
                    BadValue{"ifname_slash", "CNI_IFNAME", "a/b"}, BadValue{"ifname_colon", "CNI_IFNAME", "a:b"},
                    BadValue{"ifname_tab", "CNI_IFNAME", "a\tb"}, BadValue{"args_not_a_pair", "CNI_ARGS", "IP"},
                    BadValue{"args_two_equals", "CNI_ARGS", "IP=a=b"},
                    BadValue{"args_unknown_key", "CNI_ARGS", "FOO=1"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Skel, TakesUnknownArgsWithIgnoreUnknown) {
  auto world = world_of("ADD", config_of("1.0.0"));
  world.variables["CNI_ARGS"] = "IgnoreUnknown=1;FOO=1;K8S_POD_NAME=p;IP=10.0.0.9";
  Recorder recorder;
  ASSERT_EQ(run(kProgram, world.env(), recorder.handlers()), 0) << world.out;
  EXPECT_EQ(recorder.calls[0].args.extra,
            (std::map<std::string, std::string>{{"IP", "10.0.0.9"}, {"K8S_POD_NAME", "p"}}));
}

TEST(Skel, NeverHoldsUpDelForItsArgsOrRepeatedKeys) {
  auto world = world_of("DEL", config_of("1.0.0"));
  world.variables["CNI_ARGS"] = "nonsense";
  world.variables["CNI_NETNS"] = "";
  world.in = R"({"cniVersion":"1.0.0","name":"net","type":"t","mtu":1,"mtu":2,"unknown":{}})";
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0) << world.out;
  EXPECT_THAT(recorder.called, testing::ElementsAre("DEL"));
  EXPECT_EQ(recorder.calls[0].config["mtu"], 2);
  EXPECT_EQ(recorder.calls[0].config_text, world.in);
}

TEST(Skel, RefusesRepeatedKeysForAdd) {
  auto world = world_of("ADD", {});
  world.in = R"({"cniVersion":"1.0.0","name":"net","type":"t","mtu":1,"mtu":2})";
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
  EXPECT_EQ(world.document()["code"], kDecodingFailure);
}

TEST(Skel, ReportsEnvironmentAndConfigurationTogether) {
  auto world = world_of("ADD", {{"cniVersion", "7"}});
  world.variables["CNI_CONTAINERID"] = "/";
  world.variables.erase("CNI_PATH");
  EXPECT_EQ(run(kProgram, world.env(), {}), 1);
  const std::string message = world.document()["msg"];
  EXPECT_EQ(world.document()["code"], kInvalidEnvironment);
  EXPECT_THAT(message, HasSubstr("CNI_CONTAINERID"));
  EXPECT_THAT(message, HasSubstr("CNI_PATH"));
  EXPECT_THAT(message, HasSubstr("/name: is missing"));
  EXPECT_THAT(message, HasSubstr("/cniVersion: \"7\""));
}

struct BadConfig {
  const char* name;
  const char* text;
  int code;
  const char* says;
};
class SkelConfig : public testing::TestWithParam<BadConfig> {};
TEST_P(SkelConfig, GetsTheSpecificationsCode) {
  for (const char* verb : {"ADD", "DEL", "CHECK", "GC", "STATUS"}) {
    if (verb == std::string("DEL") && GetParam().code == kIncompatibleVersion) continue;
    auto world = world_of(verb, {});
    world.in = GetParam().text;
    Recorder recorder;
    EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1) << verb;
    const bool invalid = GetParam().code == kDecodingFailure || GetParam().code == kInvalidConfig;
    const int expected = verb == std::string("STATUS") && invalid ? kNotAvailable : GetParam().code;
    EXPECT_EQ(world.document()["code"], expected) << verb << ": " << world.out;
    EXPECT_THAT(world.document()["msg"].get<std::string>(), HasSubstr(GetParam().says));
    EXPECT_TRUE(recorder.called.empty());
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, SkelConfig,
    testing::Values(BadConfig{"empty", "", kDecodingFailure, "not JSON"},
                    BadConfig{"truncated", R"({"name":)", kDecodingFailure, "line 1"},
                    BadConfig{"a_list", "[]", kDecodingFailure, "object"},
                    BadConfig{"no_name", R"({"cniVersion":"1.1.0"})", kInvalidConfig, "/name: is missing"},
                    BadConfig{"empty_name", R"({"cniVersion":"1.1.0","name":""})", kInvalidConfig, "/name"},
                    BadConfig{"bad_name", R"({"cniVersion":"1.1.0","name":"a/b"})", kInvalidConfig, "/name"},
                    BadConfig{"name_a_number", R"({"cniVersion":"1.1.0","name":1})", kInvalidConfig, "/name"},
                    BadConfig{"old_version", R"({"cniVersion":"0.1.0","name":"net"})", kIncompatibleVersion,
                              "/cniVersion: \"0.1.0\" is not supported"},
                    BadConfig{"version_null", R"({"cniVersion":null,"name":"net"})", kIncompatibleVersion,
                              "/cniVersion: null must be a string"},
                    BadConfig{"version_a_number", R"({"cniVersion":1,"name":"net"})", kIncompatibleVersion,
                              "/cniVersion"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Skel, SaysThatTheVersionIsMissingButLetsDelAndGcGo) {
  for (const char* verb : {"ADD", "CHECK", "STATUS"}) {
    auto world = world_of(verb, {{"name", "net"}});
    EXPECT_EQ(run(kProgram, world.env(), {}), 1);
    EXPECT_EQ(world.document()["code"], kIncompatibleVersion);
    EXPECT_THAT(world.document()["msg"].get<std::string>(), testing::StartsWith("/cniVersion: is missing"));
  }
  for (const char* verb : {"DEL", "GC"}) {
    auto world = world_of(verb, {{"name", "net"}, {"cni.dev/valid-attachments", json::array()}});
    Recorder recorder;
    EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0) << world.out;
    ASSERT_EQ(recorder.calls.size(), 1U);
    EXPECT_EQ(recorder.calls[0].ignored, std::vector<std::string>{"/cniVersion: is missing"});
  }
}

TEST(Skel, TakesRepeatedKeysForGcButNotOfTheListOfWhatIsInUse) {
  auto world = world_of("GC", {});
  world.in = R"({"cniVersion":"1.1.0","name":"net","mtu":1,"cni.dev/valid-attachments":[],"mtu":2})";
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0) << world.out;
  ASSERT_EQ(recorder.calls.size(), 1U);
  EXPECT_EQ(recorder.calls[0].ignored, std::vector<std::string>{"/mtu: occurs twice in one object"});
  world.out.clear();
  world.in = R"({"cniVersion":"1.1.0","name":"net","cni.dev/valid-attachments":[
    {"containerID":"live","ifname":"eth0"}],"cni.dev/valid-attachments":[]})";
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
  EXPECT_EQ(recorder.calls.size(), 1U);
  EXPECT_THAT(world.document()["msg"].get<std::string>(),
              HasSubstr("/cni.dev~1valid-attachments: occurs twice in one object"));
}

TEST(Skel, LetsDelGoWhereTheNamespaceIsItsOwnByNow) {
  auto world = world_of("DEL", config_of("1.0.0"));
  world.variables["CNI_NETNS"] = world.own_netns;
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0);
  EXPECT_EQ(recorder.called.size(), 1U);
}

TEST(Skel, RefusesItsOwnNamespaceBeforeAnythingRuns) {
  for (const char* verb : {"ADD", "CHECK"}) {
    auto world = world_of(verb, config_of("1.0.0"));
    world.variables["CNI_NETNS"] = world.own_netns;
    Recorder recorder;
    EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
    EXPECT_EQ(world.document()["code"], kInvalidNetns);
    EXPECT_TRUE(recorder.called.empty());
    world.out.clear();
    world.variables["CNI_NETNS_OVERRIDE"] = "1";
    EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 0);
  }
}

TEST(Skel, PrintsErrorsWithTheConfigurationsVersion) {
  auto world = world_of("ADD", config_of("0.4.0"));
  Handlers handlers;
  handlers.add = [](const Call&) -> Result<AddResult> { return fail(kTryAgainLater, "full", "254 of 254"); };
  EXPECT_EQ(run(kProgram, world.env(), handlers), 1);
  EXPECT_EQ(world.document(),
            json({{"cniVersion", "0.4.0"}, {"code", 11}, {"msg", "full"}, {"details", "254 of 254"}}));
}

TEST(Skel, TurnsALibrarysExceptionIntoCode999) {
  auto world = world_of("DEL", config_of("1.0.0"));
  Handlers handlers;
  handlers.del = [](const Call&) -> Status { throw std::runtime_error("boom"); };
  EXPECT_EQ(run(kProgram, world.env(), handlers), 1);
  EXPECT_EQ(world.document()["code"], kInternal);
}

TEST(Skel, UndoesAnAddWhoseResultNobodyCouldRead) {
  auto world = world_of("ADD", config_of("1.0.0"));
  world.stdout_is_gone = true;
  Recorder recorder;
  EXPECT_EQ(run(kProgram, world.env(), recorder.handlers()), 1);
  EXPECT_THAT(recorder.called, testing::ElementsAre("ADD", "DEL"));
  EXPECT_THAT(world.err, HasSubstr("Broken pipe"));
}

TEST(Skel, WithoutACommandSaysWhatItIsAndSucceeds) {
  FakeWorld world;
  EXPECT_EQ(run(kProgram, world.env(), {}), 0);
  EXPECT_EQ(world.out, "");
  EXPECT_THAT(world.err, HasSubstr("a plugin"));
  EXPECT_THAT(world.err, HasSubstr("0.3.1 0.4.0 1.0.0 1.1.0"));
}

TEST(Skel, RefusesACommandItDoesNotKnow) {
  auto world = world_of("FROB", config_of("1.0.0"));
  EXPECT_EQ(run(kProgram, world.env(), {}), 1);
  EXPECT_EQ(world.document()["code"], kInvalidEnvironment);
}

TEST(Skel, AnswersVersionWhateverStdinSays) {
  const json supported = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"};
  for (const auto& [in, version] :
       std::vector<std::pair<std::string, std::string>>{{R"({"cniVersion":"0.4.0"})", "0.4.0"},
                                                        {R"({"cniVersion":"9.0.0"})", "1.1.0"},
                                                        {"", "1.1.0"},
                                                        {"{", "1.1.0"}}) {
    FakeWorld world;
    world.variables = {{"CNI_COMMAND", "VERSION"}};
    world.in = in;
    EXPECT_EQ(run(kProgram, world.env(), {}), 0);
    EXPECT_EQ(world.document(), json({{"cniVersion", version}, {"supportedVersions", supported}})) << in;
  }
}

TEST(Skel, StopsWaitingForStdin) {
  auto world = world_of("STATUS", config_of("1.1.0"));
  world.stdin_hangs = true;
  EXPECT_EQ(run(kProgram, world.env(), {}), 1);
  EXPECT_EQ(world.document()["code"], kTryAgainLater);
}

}  // namespace
}  // namespace slash32::cni
