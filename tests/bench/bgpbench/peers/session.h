// One end of a connection: a BGP session with the speaker, or, "raw", a stream of messages with nobody to greet, for
// the floors. All of them live in one epoll loop on one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "tests/bench/bgpbench/peers/message.h"
#include "tests/bench/bgpbench/peers/reader.h"
#include "tests/bench/bgpbench/peers/table.h"

namespace bench {

enum class State : std::uint8_t { Closed, Greeting, Established };

class Session {
 public:
  struct Settings {
    Address local;
    Address remote;
    std::uint32_t asn = 0;
    std::uint32_t router_id = 0;
    bool ipv6 = false;
    bool raw = false;
    std::uint16_t hold = 90;  // seconds; a KEEPALIVE every ninth part
    bool add_path = false;    // takes several paths to a prefix, sends one
  };
  /// A sink has a table and reads by `reader`; both must outlive it. A source has neither and heeds no UPDATE.
  Session(Settings settings, Table* table, Reader* reader)
      : settings_(std::move(settings)), table_(table), reader_(reader) {}

  /// Connects (blocking, for at most a second) and says OPEN. False: refused.
  bool connect(std::uint16_t port);
  /// Begins to connect; OPEN follows when it stands. A refusal closes the session.
  void begin(std::uint16_t port);
  /// What is said as soon as the session is Established; must outlive it.
  void say_first(std::span<const std::uint8_t> stream) { first_ = stream; }
  /// Takes a connection that stands already.
  void adopt(slash32::UniqueFd fd);
  void close();

  int fd() const { return fd_.get(); }
  /// Which of its connections this is, from 1.
  std::uint64_t life() const { return life_; }
  State state() const { return state_; }
  bool has_end_of_rib() const { return end_of_rib_; }
  Table* table() const { return table_; }
  const Settings& settings() const { return settings_; }
  const std::string& trouble() const { return trouble_; }

  /// Sends `stream`, which must outlive the sending, as fast as the connection takes it.
  void send(std::span<const std::uint8_t> stream);
  void send_now(const Stream& message);
  bool wants_to_write() const { return !pending_.empty(); }
  void on_writable();
  /// Reads once, into `buffer`, which is large and shared.
  void on_readable(std::span<std::uint8_t> buffer);
  void keepalive();
  /// The longest time between two messages of the speaker since begin_listening(), in seconds.
  double silence() const { return std::max(silence_, now() - heard_); }
  void begin_listening() {
    heard_ = now();
    silence_ = 0;
  }

 private:
  void on_message(std::span<const std::uint8_t> message);
  void on_update(std::span<const std::uint8_t> message);
  void lost(const std::string& why);
  void start(slash32::UniqueFd fd);

  Settings settings_;
  Table* table_;
  Reader* reader_;
  std::size_t updates_ = 0;  // of this connection
  slash32::UniqueFd fd_;
  std::uint64_t life_ = 0;
  double heard_ = 0, silence_ = 0;
  State state_ = State::Closed;
  bool end_of_rib_ = false;
  std::string trouble_;
  std::span<const std::uint8_t> pending_, first_;
  Stream open_;
  Stream rest_;  // of a message not yet whole
};

/// Runs sessions. They must stay where they are.
class Loop {
 public:
  Loop();
  void add(Session& session) { sessions_.push_back(&session); }
  /// Until `done` or the moment `deadline` (of now()); whether it was done.
  bool run(const std::function<bool()>& done, double deadline);
  /// Gives `order` each line of standard input and sends what it prints, until the input ends or says "quit".
  void serve(const std::function<void(const std::string&)>& order);

 private:
  /// Returns as soon as a descriptor of another kind can be read.
  void wait_for(int fd);
  void watch(std::size_t number);
  bool step(double deadline, int other);

  slash32::UniqueFd epoll_;
  std::vector<Session*> sessions_;
  struct Watched {
    std::uint64_t life = 0;
    bool write = false;
  };
  std::vector<Watched> watched_;  // one a session
  std::vector<std::uint8_t> buffer_;
  double next_keepalive_ = 0;
};

/// A TCP socket bound to an address, without delay; `address` is 4 or 16 octets.
slash32::UniqueFd tcp_socket(const Address& address, std::uint16_t port);
/// Waits for `listener`'s next connection.
slash32::UniqueFd accept_one(int listener);
std::uint16_t port_of(int fd);
/// False: refused, or not answered within a second.
bool connect_to(int fd, const Address& address, std::uint16_t port);

}  // namespace bench
