// slash32ctl as a program: its exit statuses, its errors, and what it asks a daemon. The daemon is a socket of the test
// that answers with a fixed text.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.h"

namespace slash32 {
namespace {

struct Outcome {
  int status = -1;
  std::string output;  // standard output and standard error
};

Outcome run_ctl(const std::string& arguments) {
  const std::string command = std::string{SLASH32CTL_PATH} + " " + arguments + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  Outcome outcome;
  outcome.output = read_all(::fileno(pipe)).value_or("");
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return outcome;
}

class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    std::array<char, 32> name{"/tmp/slash32ctl-XXXXXX"};
    if (::mkdtemp(name.data()) != nullptr) directory_ = name.data();
    ::unsetenv("SLASH32_BGPD_SOCKET");
  }
  ~CommandLine() override {
    if (server_.joinable()) server_.join();
    std::filesystem::remove_all(directory_);
  }
  std::string socket_path() const { return (directory_ / "s").string(); }

  UniqueFd listen_on_socket() const {
    UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    return listener;
  }

  /// Answers one connection with `response`; what was asked is in request_ after the command has ended.
  void serve(std::string response) { serve_each({std::move(response)}); }
  /// The same for one connection after the other; request_ is what the last one asked.
  void serve_each(std::vector<std::string> responses) {
    server_ = std::thread{[this, listener = listen_on_socket(), responses = std::move(responses)] {
      for (const std::string& response : responses) {
        // Nobody may come: a command that gave up must fail its test, not hang it.
        pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 30000) <= 0) return;
        const UniqueFd client{::accept(listener.get(), nullptr, nullptr)};
        request_.clear();
        std::array<char, 4096> buffer{};
        while (request_.find("\r\n\r\n") == std::string::npos) {
          const auto n = ::read(client.get(), buffer.data(), buffer.size());
          if (n <= 0) return;
          request_.append(buffer.data(), static_cast<std::size_t>(n));
        }
        (void)write_all(client.get(), response);
      }
    }};
  }
  Outcome ask(const std::string& arguments) {
    Outcome outcome = run_ctl("--socket " + socket_path() + " " + arguments);
    if (server_.joinable()) server_.join();
    return outcome;
  }
  std::string first_line_of_request() const { return request_.substr(0, request_.find("\r\n")); }

  std::filesystem::path directory_;
  std::thread server_;
  std::string request_;
};

TEST_F(CommandLine, EndsWith2OnWrongUsage) {
  for (const char* arguments :
       {"", "nonsense", "ipam", "ipam nonsense", "routes --family ipx", "status extra", "neighbors --advertised"}) {
    EXPECT_EQ(run_ctl(arguments).status, 2) << arguments;
  }
}

TEST_F(CommandLine, NamesTheWordThatItDoesNotKnow) {
  for (const char* arguments : {"bogus", "--bogus", "ipam bogus", "status bogus"}) {
    const Outcome outcome = run_ctl(arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.output.find("bogus"), std::string::npos) << arguments << ": " << outcome.output;
  }
}

TEST_F(CommandLine, RefusesAnEmptyArgument) {  // "$NAME" of a script whose variable is not set
  for (const char* arguments : {"neighbors ''", "routes ''", "routes --neighbor ''"}) {
    const Outcome outcome = run_ctl(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_NE(outcome.output.find("is empty"), std::string::npos) << arguments << ": " << outcome.output;
  }
}

TEST_F(CommandLine, DocumentsItsExitStatuses) {
  const Outcome help = run_ctl("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("Exit status: 0 done, 1"), std::string::npos) << help.output;
  EXPECT_EQ(run_ctl("--version").output, SLASH32_VERSION "\n");
}

TEST_F(CommandLine, NamesTheSocketWhenNobodyIsThere) {
  const Outcome outcome = run_ctl("status --socket " + socket_path());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("connect to " + socket_path() + ": No such file or directory"), std::string::npos)
      << outcome.output;
  EXPECT_NE(outcome.output.find("is slash32-bgpd running?"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, TellsALeftOverSocket) {
  listen_on_socket();  // closed at once
  const Outcome outcome = run_ctl("status --socket " + socket_path());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("left its socket behind"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, PrintsATableOrTheRawDocument) {
  const std::string body = R"({"neighbors":[{"name":"tor1","new":[1, 2]}]})";
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  serve(response);
  EXPECT_EQ(ask("neighbors --json").output, body + "\n");
  EXPECT_EQ(first_line_of_request(), "GET /v1/neighbors HTTP/1.1");
}

TEST_F(CommandLine, AsksForWhatItWasGiven) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"routes\":[]}");
  const Outcome outcome = ask("routes 10.244.0.0/16 --family ipv4");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "no routes\n");
  EXPECT_EQ(first_line_of_request(), "GET /v1/routes?prefix=10.244.0.0%2F16&family=ipv4 HTTP/1.1");
}

TEST_F(CommandLine, AsksForOnePrefixWithAllThatIsKnownOfIt) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"paths\":[]}");
  EXPECT_EQ(ask("routes 10.244.0.0/16").status, 0);
  EXPECT_EQ(first_line_of_request(), "GET /v1/routes/10.244.0.0%2F16 HTTP/1.1");
}

TEST_F(CommandLine, PassesTheDaemonsComplaintOn) {
  serve("HTTP/1.1 400 Bad Request\r\nContent-Length: 33\r\n\r\n{\"error\":\"/prefix: not a prefix\"}\n");
  const Outcome outcome = ask("routes nonsense");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("status 400: /prefix: not a prefix"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, TellsAnAnswerThatIsCutOff) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"routes\"");
  const Outcome outcome = ask("routes");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("ended in the body, after 9 octets"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, SaysWhichNeighborIsUnknown) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"neighbors\":[]}");
  const Outcome outcome = ask("neighbors tor9");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("\"tor9\""), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, ReloadPrintsWhatChanged) {
  const std::string body =
      R"({"state": "applied", "changes": ["/policies changed", "neighbor tor1 (10.0.0.1) added"]})";
  serve("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const Outcome outcome = ask("reload");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "taken\n  /policies changed\n  neighbor tor1 (10.0.0.1) added\n");
  EXPECT_EQ(first_line_of_request(), "POST /v1/reload HTTP/1.1");
}

TEST_F(CommandLine, ADryReloadAsksOnlyAndEndsWith3WhereASessionWouldReset) {
  const auto answer = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  serve(answer(
      R"({"state": "checked", "changes": ["neighbor a (10.0.0.1) removed"], "resets": 1, "summary": "1 neighbor"})"));
  Outcome outcome = ask("reload --dry-run");
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.output, "would be taken\n  neighbor a (10.0.0.1) removed\n1 neighbor\n");
  EXPECT_EQ(first_line_of_request(), "POST /v1/reload/check HTTP/1.1");
}

TEST_F(CommandLine, ADryReloadThatResetsNothingEndsWith0) {
  const std::string body = R"({"state": "checked", "changes": [], "resets": 0, "summary": "no session would reset"})";
  serve("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const Outcome outcome = ask("reload --dry-run");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "nothing would change\nno session would reset\n");
}

TEST_F(CommandLine, ReloadEndsWith1AndEveryErrorWithItsPath) {
  const std::string body = R"({"error": "f: /a: x", "errors": ["f: /a: x", "f: /b/0: y"]})";
  serve("HTTP/1.1 400 Bad Request\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const Outcome outcome = ask("reload");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("f: /a: x; f: /b/0: y"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, PostsAShutdown) {
  serve("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(ask("shutdown").status, 0);
  EXPECT_EQ(first_line_of_request(), "POST /v1/shutdown HTTP/1.1");
}

TEST_F(CommandLine, PostsADrain) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(ask("drain").status, 0);
  EXPECT_EQ(first_line_of_request(), "POST /v1/drain HTTP/1.1");
}

TEST_F(CommandLine, ADrainThatWaitsOutlivesADaemonThatIsGoneForAWhile) {
  const auto answer = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  // Its second connection ends without an answer, as when the daemon ends in the middle.
  serve_each({answer("{}"), "", answer(R"({"pods": 0})"), answer("{}")});
  const Outcome outcome = ask("drain --then-shutdown --settle 0 --timeout 60");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_EQ(first_line_of_request(), "POST /v1/shutdown HTTP/1.1");
}

TEST_F(CommandLine, WaitsAfterADrainOnlyWhereItIsToLeave) {
  EXPECT_EQ(ask("drain --timeout 5").status, 2);
  EXPECT_EQ(ask("undrain --then-shutdown").status, 2);
}

TEST_F(CommandLine, PostsAnOrderToANeighborWithItsReason) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  const Outcome outcome = ask("neighbor reset tor1 --reason 'rack 7 & more'");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "tor1: reset done\n");
  EXPECT_EQ(first_line_of_request(), "POST /v1/neighbors/tor1/reset?reason=rack%207%20%26%20more HTTP/1.1");
}

TEST_F(CommandLine, PostsARefreshInItsDirection) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(ask("neighbor refresh out tor1").status, 0);
  EXPECT_EQ(first_line_of_request(), "POST /v1/neighbors/tor1/refresh-out HTTP/1.1");
}

TEST_F(CommandLine, TakesAReasonOnlyWhereOneIsSent) {
  EXPECT_EQ(run_ctl("neighbor refresh in tor1 --reason x").status, 2);
  EXPECT_EQ(run_ctl("neighbor enable tor1 --reason x").status, 2);
  EXPECT_EQ(run_ctl("neighbor reset").status, 2);
  EXPECT_EQ(run_ctl("neighbor refresh tor1").status, 2);
}

TEST_F(CommandLine, PolicyTestEndsWith0Or1OrWith2WhenItCouldNotBeAsked) {
  const auto conf = directory_ / "bgpd.json";
  std::ofstream(conf) << R"({"localAs": 1, "policies": {"p": [{"match": {"family": "ipv4"}, "then": "accept"}]}})";
  const auto test = "policy test --config " + conf.string() + " --policy p --route ";
  EXPECT_EQ(run_ctl(test + "10.0.0.0/8").status, 0);
  EXPECT_EQ(run_ctl(test + "fd00::/8").status, 1);
  EXPECT_EQ(run_ctl(test + "10.0.0.1/8").status, 2);
  EXPECT_EQ(run_ctl("policy test --config /nowhere --policy p --route 10.0.0.0/8").status, 2);
  EXPECT_EQ(run_ctl("policy test --config " + conf.string() + " --policy q --route 10.0.0.0/8").status, 2);
  EXPECT_EQ(run_ctl("policy test --policy p --route 10.0.0.0/8").status, 2);
  EXPECT_NE(run_ctl("--json " + test + "10.0.0.0/8").output.find("\"accepted\": true"), std::string::npos);
}

TEST_F(CommandLine, TakesTheSocketFromTheEnvironment) {
  ::setenv("SLASH32_BGPD_SOCKET", socket_path().c_str(), 1);
  const Outcome outcome = run_ctl("status");
  ::unsetenv("SLASH32_BGPD_SOCKET");
  EXPECT_NE(outcome.output.find(socket_path()), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, ShowsAnEmptyStoreWithoutMakingOne) {
  const auto store = directory_ / "ipam";
  const Outcome outcome = run_ctl("ipam show --data-dir " + store.string());
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("no addresses are allocated"), std::string::npos) << outcome.output;
  EXPECT_FALSE(std::filesystem::exists(store));
}

TEST_F(CommandLine, SaysSoWhenItMayNotReadTheStore) {
  const auto file = directory_ / "file";
  ASSERT_TRUE(write_atomic(file, "x"));
  const Outcome outcome = run_ctl("ipam show --data-dir " + (file / "ipam").string());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("Not a directory"), std::string::npos) << outcome.output;
}

TEST_F(CommandLine, WantsAbsolutePathsOfANodeAndKnownFamilies) {
  for (const char* arguments : {"node", "node install --bin-dir bin", "cleanup --root host", "cleanup --dry-run --stay",
                                "node install --forwarding ipv5", "node install --conf-dir /x", "cleanup extra"}) {
    const auto outcome = run_ctl(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments << outcome.output;
  }
}

TEST_F(CommandLine, CleanupChangesNothingWhileADaemonListens) {
  const UniqueFd listener = listen_on_socket();
  const auto conflist = directory_ / "etc/cni/net.d/10-slash32.conflist";
  std::filesystem::create_directories(conflist.parent_path());
  std::ofstream(conflist) << R"({"name": "k8s", "plugins": [{"type": "slash32"}]})";
  const auto outcome = run_ctl("--socket " + socket_path() + " cleanup --force --root " + directory_.string());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("slash32-bgpd runs (it listens on " + socket_path()), std::string::npos)
      << outcome.output;
  EXPECT_TRUE(std::filesystem::exists(conflist));
}

}  // namespace
}  // namespace slash32
