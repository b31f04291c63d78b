// A reader and a writer of one store, each PID 1 of a namespace of its own and killed at random: what fools LMDB's own
// lock, and what containers do to a plugin.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <ctime>
#include <memory>
#include <random>

#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

constexpr std::size_t kContainers = 48;

enum class Step : std::uint32_t { Free, Acquiring, Held, Releasing };

/// What the writer knows of one container. A reader that finds the same number of changes before and after it read
/// knows that no call for it began meanwhile.
struct Slot {
  std::atomic<std::uint64_t> change;
  std::atomic<Step> step;
  std::array<char, 64> lease;  // "10.0.0.1 fd00::1" while Held
};

/// Outlives whoever is killed.
struct Journal {
  std::array<Slot, kContainers> slots;
  std::atomic<std::uint64_t> writes;
  std::atomic<std::uint64_t> reads;
  std::array<char, 512> complaint;

  [[noreturn]] void complain(const std::string& text) {
    text.copy(complaint.data(), complaint.size() - 1);
    ::_exit(1);
  }
};

class SharedJournal {
 public:
  SharedJournal()
      : memory_(::mmap(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        journal_(new(memory_) Journal{}) {}
  SharedJournal(const SharedJournal&) = delete;
  SharedJournal& operator=(const SharedJournal&) = delete;
  ~SharedJournal() { ::munmap(memory_, sizeof(Journal)); }
  Journal& operator*() const { return *journal_; }
  Journal* operator->() const { return journal_; }

 private:
  void* memory_;
  Journal* journal_;
};

std::string name_of(std::size_t slot) { return "c" + std::to_string(slot); }

void move_to(Slot& slot, Step step) {
  ++slot.change;
  slot.step = step;
}

/// Of two leases, "10.0.0.1 fd00::1".
bool share_an_address(std::string_view a, std::string_view b) {
  const auto gap_a = a.find(' ');
  const auto gap_b = b.find(' ');
  return a.substr(0, gap_a) == b.substr(0, gap_b) || a.substr(gap_a) == b.substr(gap_b);
}

/// What a container holds by the store: "10.0.0.1 fd00::1".
std::string held(const std::vector<Record>& records, std::size_t slot) {
  std::string out;
  for (const auto& record : records)
    if (record.key == Node::key(name_of(slot))) out += (out.empty() ? "" : " ") + record.address.to_string();
  return out;
}

/// As a runtime: where a call was killed, DEL comes first.
void write_once(Node& node, Journal& journal, std::size_t number) {
  auto& slot = journal.slots[number];
  if (slot.step != Step::Free) {
    move_to(slot, Step::Releasing);
    if (const auto done = node.release(name_of(number)); !done) journal.complain("release: " + done.error().message);
    move_to(slot, Step::Free);
  } else {
    move_to(slot, Step::Acquiring);
    const auto lease = node.acquire(name_of(number));
    if (lease.starts_with("error")) journal.complain("acquire: " + lease);
    for (const auto& other : journal.slots)
      if (other.step == Step::Held && share_an_address(lease, other.lease.data()))
        journal.complain(lease + " is " + other.lease.data() + "'s");
    slot.lease = {};
    lease.copy(slot.lease.data(), slot.lease.size() - 1);
    move_to(slot, Step::Held);
  }
  ++journal.writes;
}

/// No address twice, and both families of a container or none.
void judge(const std::vector<Record>& records, Journal& journal) {
  std::set<IpAddress> addresses;
  std::map<std::string, std::set<AddressFamily>> families;
  for (const auto& record : records) {
    if (!addresses.insert(record.address).second) journal.complain(record.address.to_string() + " is there twice");
    if (!record.subnet.contains(record.address)) journal.complain(record.address.to_string() + " has another's subnet");
    families[record.key.container_id].insert(record.address.family());
  }
  for (const auto& [container, both] : families)
    if (both.size() != 2) journal.complain(container + " has one family only");
  if (families.size() * 2 != records.size()) journal.complain("a container has two addresses of a family");
}

void read_once(Node& node, Journal& journal) {
  struct Known {
    std::uint64_t change;
    Step step;
    std::string lease;
  };
  std::vector<Known> before;
  for (const auto& slot : journal.slots) before.push_back({slot.change, slot.step, slot.lease.data()});
  const auto survey = node.ipam().survey();
  if (!survey) journal.complain("survey: " + survey.error().message);
  if (survey->state != Survey::State::Sound)
    journal.complain("the store is not sound" + (survey->damage.empty() ? "" : ": " + survey->damage.front()));
  judge(survey->records, journal);
  for (std::size_t i = 0; i < kContainers; ++i) {
    const auto& was = before[i];
    if (was.change != journal.slots[i].change) continue;
    const auto found = held(survey->records, i);
    if (was.step == Step::Held && found != was.lease) journal.complain(name_of(i) + " lost " + was.lease);
    if (was.step == Step::Free && !found.empty()) journal.complain(name_of(i) + " has " + found + " back");
  }
  ++journal.reads;
}

/// Runs `work` for ever as PID 1 of a namespace of its own.
class Process {
 public:
  template <class Work>
  Process(Journal& journal, Work work)
      : pid_(static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, 0))) {
    if (pid_ != 0) return;
    if (::getpid() != 1) journal.complain("not PID 1");
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // where the test itself is killed
    for (;;) work();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { (void)kill(); }

  /// Whether it ran until now, and did not end by itself.
  bool kill() {
    if (pid_ <= 0) return false;
    int status = 0;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_;
};

TEST(StoreBetweenPidNamespaces, AReaderAndAWriterWithEqualPidsSurviveBeingKilledAtRandom) {
  constexpr int kKills = 250;
  constexpr unsigned kSeed = 32;
  Node node({"10.0.0.0/25", "fd00::/64"});
  ASSERT_EQ(node.acquire("first"), "10.0.0.1 fd00::1");  // there is a store to read
  const SharedJournal journal;
  std::mt19937 random(kSeed);
  const auto start_writer = [&] {
    const auto work = [&node, &journal, own = std::mt19937(random())]() mutable {
      write_once(node, *journal, own() % kContainers);
    };
    return std::make_unique<Process>(*journal, work);
  };
  const auto start_reader = [&] { return std::make_unique<Process>(*journal, [&] { read_once(node, *journal); }); };
  auto writer = start_writer();
  auto reader = start_reader();
  for (int i = 0; i < kKills; ++i) {
    const timespec moment{.tv_sec = 0, .tv_nsec = static_cast<long>(random() % 20'000'000)};
    ::nanosleep(&moment, nullptr);
    const bool is_writer = random() % 2 == 0;
    ASSERT_TRUE((is_writer ? writer : reader)->kill()) << journal->complaint.data() << " (or not root)";
    if (is_writer)
      writer = start_writer();
    else
      reader = start_reader();
  }
  ASSERT_TRUE(writer->kill()) << journal->complaint.data();
  ASSERT_TRUE(reader->kill()) << journal->complaint.data();
  RecordProperty("writes", std::to_string(journal->writes));
  RecordProperty("reads", std::to_string(journal->reads));
  EXPECT_GT(journal->writes, kContainers);
  EXPECT_GT(journal->reads, kContainers);

  const auto survey = node.ipam().survey();
  ASSERT_TRUE(survey.has_value());
  EXPECT_EQ(survey->state, Survey::State::Sound);
  for (std::size_t i = 0; i < kContainers; ++i) {
    const auto& slot = journal->slots[i];
    const auto found = held(survey->records, i);
    if (slot.step == Step::Held) {
      EXPECT_EQ(found, slot.lease.data());
    } else if (slot.step == Step::Free) {
      EXPECT_EQ(found, "");
    }
  }
  EXPECT_EQ(node.acquire("last").substr(0, 5), "10.0.");
}

}  // namespace
}  // namespace slash32::ipam
