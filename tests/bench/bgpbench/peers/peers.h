// All neighbours of the speaker that is measured: one source of routes and any number of sinks, in one process, so that
// on two processors the speaker has one for itself. Or, for the floors, the same with a relay in the speaker's place,
// or with nothing at all. Orders come as lines on standard input, one JSON object a line answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/bgpbench/peers/session.h"

namespace bench {

class Peers {
 public:
  /// Options: those of make_workload(); base: the address before the first peer's; speaker: an address, or "direct" for
  /// none; speaker_asn; port; sinks; raw=1: no BGP session, whoever is there passes bytes on;
  /// hold: seconds; longer=1: paths with one AS more.
  explicit Peers(const Options& options);
  /// Until standard input ends or says "quit".
  void serve();

 private:
  struct Outcome {
    bool done = false;
    double start = 0;    // of now()
    double sent = 0;     // seconds until the source had handed over everything
    double seconds = 0;  // until it was done, or given up
    double cpu = 0;      // of ours
  };
  using Done = std::function<bool()>;

  void make_sessions(const Options& options);
  Session::Settings settings_of(std::uint32_t number, std::uint32_t asn) const;
  void order(const std::string& line);
  void connect(double timeout);
  void connect_directly();
  void expect(bool there);
  bool all_right() const;
  Outcome measure(const std::function<void()>& deed, const Done& done, double timeout);
  void print(const Outcome& outcome) const;
  void tell(const Stream& stream, bool there, double timeout);
  void lose_source(bool there, double timeout);
  void refresh(double timeout);
  void latency(std::istringstream& words);
  void listen(double seconds);
  double one_change(std::size_t number, bool there, double timeout);
  std::string trouble() const;

  Workload workload_;
  Index index_;
  std::vector<std::uint32_t> expected_;
  std::vector<std::uint32_t> extra_;  // communities that the speaker adds
  bool ipv6_ = false, raw_ = false, direct_ = false;
  std::uint16_t hold_ = 90;
  std::uint16_t port_ = 179;
  std::uint32_t speaker_asn_ = 0;
  Address base_, speaker_;
  Stream announce_, withdraw_;
  std::unique_ptr<Reader> reader_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::unique_ptr<Session>> sources_, sinks_;
  Loop loop_;
};

}  // namespace bench
