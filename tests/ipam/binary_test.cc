// slash32-ipam as a runtime sees it: environment and stdin in; one document, or nothing, and an exit status out.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
  json document() const { return out.empty() ? json{} : json::parse(out); }
};

Outcome run_binary(const TempDirectory& scratch, const std::map<std::string, std::string>& variables,
                   const std::string& in) {
  const auto in_file = scratch.path() / "in";
  const auto out_file = scratch.path() / "out";
  const auto err_file = scratch.path() / "err";
  EXPECT_TRUE(write_atomic(in_file, in));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(in_file.c_str(), O_RDONLY), 0);
    ::dup2(::open(out_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    ::dup2(::open(err_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    ::clearenv();
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    ::execl(SLASH32_IPAM_BINARY, SLASH32_IPAM_BINARY, nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = read_file(out_file).value_or(""),
          .err = read_file(err_file).value_or("")};
}

class IpamBinary : public testing::TestWithParam<const char*> {
 protected:
  TempDirectory scratch_;
  json config_ = {{"cniVersion", "1.1.0"},
                  {"name", "net"},
                  {"type", "ptp"},
                  {"ipam",
                   {{"type", "slash32-ipam"},
                    {"dataDir", scratch_.path() / "state"},
                    {"routes", {{{"dst", "0.0.0.0/0"}}}},
                    {"ranges", {{{{"subnet", "10.9.0.0/29"}}}, {{{"subnet", "fd09::/64"}}}}}}}};

  Outcome call(const std::string& command, const std::string& container = "c1", const std::string& args = "") {
    return run_binary(scratch_,
                      {{"CNI_COMMAND", command},
                       {"CNI_CONTAINERID", container},
                       {"CNI_NETNS", "/run/netns/none"},
                       {"CNI_IFNAME", "eth0"},
                       {"CNI_PATH", "/opt/cni/bin"},
                       {"CNI_ARGS", args}},
                      config_.dump());
  }
};

TEST_P(IpamBinary, GoesThroughTheLifeOfALease) {
  config_["cniVersion"] = GetParam();
  const bool old = std::string(GetParam()) < "1.0.0";
  const auto added = call("ADD");
  ASSERT_EQ(added.status, 0) << added.out;
  json first = {{"address", "10.9.0.2/29"}, {"gateway", "10.9.0.1"}};
  json second = {{"address", "fd09::2/64"}, {"gateway", "fd09::1"}};
  if (old) {
    first["version"] = "4";
    second["version"] = "6";
  }
  EXPECT_EQ(added.document(),
            json({{"cniVersion", GetParam()}, {"ips", {first, second}}, {"routes", {{{"dst", "0.0.0.0/0"}}}}}));
  const auto again = call("ADD");
  EXPECT_EQ(again.status, 1);
  EXPECT_EQ(again.document()["code"], 999);

  config_["prevResult"] = added.document();
  const auto checked = call("CHECK");
  if (std::string(GetParam()) == "0.3.1") {
    EXPECT_EQ(checked.document()["code"], 1);
  } else {
    EXPECT_EQ(checked.status, 0) << checked.out;
    EXPECT_EQ(checked.out, "");
    EXPECT_EQ(call("CHECK", "another").status, 1);
  }
  for (int i = 0; i < 2; ++i) {
    const auto deleted = call("DEL");
    EXPECT_EQ(deleted.status, 0) << deleted.out;
    EXPECT_EQ(deleted.out, "");
  }
}
INSTANTIATE_TEST_SUITE_P(Versions, IpamBinary, testing::Values("0.3.1", "0.4.0", "1.0.0", "1.1.0"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST_F(IpamBinary, CollectsAndTellsItsStatus) {
  ASSERT_EQ(call("ADD", "a").status, 0);
  ASSERT_EQ(call("ADD", "b").status, 0);
  EXPECT_EQ(call("STATUS").status, 0);
  EXPECT_EQ(call("GC").status, 0) << "no list: nothing is released";
  config_["cni.dev/valid-attachments"] = {{{"containerID", "b"}, {"ifname", "eth0"}}};
  EXPECT_EQ(call("GC").status, 0);
  EXPECT_EQ(call("ADD", "b").document()["code"], 999) << "b still holds";
  EXPECT_EQ(call("ADD", "a").status, 0) << "a was released";
  config_["ipam"]["ranges"] = "nonsense";
  const auto bad = call("STATUS");
  EXPECT_EQ(bad.document()["code"], 50);
  EXPECT_THAT(bad.document()["msg"].get<std::string>(), HasSubstr("/ipam/ranges"));
  config_["cni.dev/valid-attachments"] = nullptr;
  EXPECT_EQ(call("GC").status, 0) << "mistakes in the configuration do not stop GC";
  EXPECT_EQ(call("DEL", "b").status, 0) << "nor DEL";
}

TEST_F(IpamBinary, NamesThePlaceOfAMistakeAndChangesNothing) {
  config_["ipam"]["dataDirr"] = "/x";
  const auto bad = call("ADD");
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.document()["code"], 7);
  EXPECT_THAT(bad.document()["msg"].get<std::string>(), HasSubstr("/ipam/dataDirr"));
  EXPECT_FALSE(std::filesystem::exists(scratch_.path() / "state"));
}

TEST_F(IpamBinary, GrantsWhatCniArgsAskFor) {
  EXPECT_EQ(call("ADD", "c1", "IP=10.9.0.5;IgnoreUnknown=1;FOO=x").document()["ips"][0]["address"], "10.9.0.5/29");
  EXPECT_EQ(call("ADD", "c2", "FOO=x").document()["code"], 4);
}

TEST_F(IpamBinary, SaysWhatItIs) {
  const auto about = run_binary(scratch_, {}, "");
  EXPECT_EQ(about.status, 0);
  EXPECT_EQ(about.out, "");
  EXPECT_THAT(about.err, HasSubstr("slash32-ipam"));
  const auto version = run_binary(scratch_, {{"CNI_COMMAND", "VERSION"}}, R"({"cniVersion":"1.0.0"})");
  EXPECT_EQ(version.document(),
            json({{"cniVersion", "1.0.0"}, {"supportedVersions", {"0.3.1", "0.4.0", "1.0.0", "1.1.0"}}}));
}

}  // namespace
}  // namespace slash32::ipam
