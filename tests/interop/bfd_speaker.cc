// One BFD session on the network, for tests against other people's BFD: prints what changes, a line each. SIGUSR1
// toggles AdminDown, SIGUSR2 toggles intervals four times as long, SIGTERM retires the session and ends when it is
// gone.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "bgpd/bfd/transport.h"

namespace {

namespace asio = boost::asio;
using namespace slash32;
using namespace slash32::bfd;

constexpr std::chrono::milliseconds kLook{5};

/// remote=ADDRESS local=ADDRESS interface=NAME multihop=1 ms=INTERVAL multiplier=N
using Options = std::map<std::string, std::string>;

Options read_options(int argc, char** argv) {
  Options out{{"ms", "50"}, {"multiplier", "3"}};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    out[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return out;
}

class Speaker {
 public:
  explicit Speaker(asio::io_context& context)
      : transport_(
            context, [this] { return static_cast<std::uint32_t>(chance_()); },
            [](Discriminator, const StateChange& change) { tell(change); }),
        signals_(context, SIGTERM, SIGUSR1, SIGUSR2),
        look_(context) {}

  Status start(const Options& options) {
    Target target;
    target.remote = TRY(IpAddress::parse(options.contains("remote") ? options.at("remote") : ""));
    if (options.contains("local")) target.local = TRY(IpAddress::parse(options.at("local")));
    if (options.contains("interface")) target.interface = options.at("interface");
    target.multihop = options.contains("multihop");
    interval_ = std::chrono::milliseconds{std::stoi(options.at("ms"))};
    settings_.detect_multiplier = static_cast<std::uint8_t>(std::stoi(options.at("multiplier")));
    settings_.desired_min_tx = settings_.required_min_rx = interval_;
    session_ = TRY(transport_.add(target, settings_));
    std::printf("session %u\n", session_.value);
    wait();
    look();
    return ok();
  }

 private:
  static void tell(const StateChange& change) {
    std::printf("change %s %s remote=%s failure=%d: %s\n", std::string(to_string(change.from)).c_str(),
                std::string(to_string(change.to)).c_str(), std::string(to_string(change.remote.state)).c_str(),
                is_failure(change) ? 1 : 0, std::string(to_string(change.diagnostic)).c_str());
    std::fflush(stdout);
  }

  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      if (number == SIGTERM) {
        transport_.retire(session_);
      } else {
        if (number == SIGUSR1) settings_.enabled = !settings_.enabled;
        if (number == SIGUSR2)
          settings_.desired_min_tx = settings_.required_min_rx =
              interval_ * (settings_.desired_min_tx > interval_ ? 1 : 4);
        if (const auto done = transport_.configure(session_, settings_); !done)
          std::printf("error %s\n", done.error().message.c_str());
      }
      wait();
    });
  }

  /// What may change without a change of state.
  void look() {
    const Session* session = transport_.engine().find(session_);
    if (session == nullptr) std::exit(0);  // retired
    const auto rejected = transport_.engine().rejected(Reject::HopLimit);
    const std::tuple seen{session->transmit_interval().count(), session->detection_time().count(), session->polling(),
                          rejected};
    if (seen != seen_) {
      seen_ = seen;
      std::printf("now transmit=%ld detect=%ld polling=%d hop_limit_rejects=%lu\n",
                  static_cast<long>(std::get<0>(seen)), static_cast<long>(std::get<1>(seen)), std::get<2>(seen) ? 1 : 0,
                  static_cast<unsigned long>(rejected));
      std::fflush(stdout);
    }
    look_.expires_after(kLook);
    look_.async_wait([this](const boost::system::error_code& error) {
      if (!error) look();
    });
  }

  std::mt19937 chance_{std::random_device{}()};
  Transport transport_;
  asio::signal_set signals_;
  asio::steady_timer look_;
  Microseconds interval_{0};
  Settings settings_;
  Discriminator session_;
  std::tuple<std::int64_t, std::int64_t, bool, std::uint64_t> seen_{-1, -1, false, 0};
};

}  // namespace

int main(int argc, char** argv) {
  asio::io_context context{1};
  Speaker speaker(context);
  if (const auto started = speaker.start(read_options(argc, argv)); !started) {
    std::fprintf(stderr, "bfd_speaker: %s\n", started.error().message.c_str());
    return 1;
  }
  context.run();
  return 0;
}
