// Many peers of one speaker, each with prefixes of its own, each to be told everybody else's: a fleet of nodes in one
// process. Orders come as lines on standard input, one JSON object a line answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/bgpbench/peers/session.h"

namespace bench {

class Mesh {
 public:
  /// Options: family, seed; base: the address before the first peer's; speaker; speaker_asn; first_asn: of the first
  /// peer, each further one has the next; peers, each (prefixes); reflect=1: iBGP, all of them clients of the speaker;
  /// paths=2: two peers announce the same, and everybody is to be told both.
  explicit Mesh(const Options& options);
  /// Until standard input ends or says "quit". up TIMEOUT: everybody connects at once, and again when refused, until
  /// all have everything. roll WINDOW TIMEOUT: so many at a time close their connections; when everybody else has lost
  /// their routes they come back, until all have everything.
  void serve();

 private:
  using Done = std::function<bool()>;
  struct Peer {
    std::unique_ptr<Table> table;
    std::unique_ptr<Session> session;
    Stream first;  // its routes and End-of-RIB
  };

  void make_peers(const Options& options);
  void order(const std::string& line);
  void up(double timeout);
  void roll(std::size_t window, double timeout);
  bool run(const Done& done, double deadline);
  void reconnect();
  std::size_t right_of_others(std::size_t number) const;
  bool all_have(std::size_t from, std::size_t to, std::size_t count);
  std::string trouble() const;

  std::size_t each_ = 0;
  bool reflect_ = false;
  std::size_t paths_ = 1;
  Workload workload_;
  Index index_;
  std::vector<std::uint32_t> expected_;
  Address base_, speaker_;
  std::unique_ptr<Reader> reader_;
  std::vector<Peer> peers_;
  Loop loop_;
  std::size_t behind_ = 0;  // the peer that was found without something at the last look
};

}  // namespace bench
