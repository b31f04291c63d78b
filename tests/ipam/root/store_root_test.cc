// The store where only root can put it: on a full disk, read-only, and between PID namespaces.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/cni/error.h"
#include "common/fd.h"
#include "ipam/lmdb_store.h"
#include "tests/ipam/node.h"

namespace slash32::ipam {
namespace {

using testing::HasSubstr;

/// Mounts in a namespace of this test process: nobody else sees them, and they go with it.
void own_mounts() {
  static const bool kDone =
      ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  ASSERT_TRUE(kDone) << "needs root";
}

class TinyDisk {
 public:
  TinyDisk(const std::filesystem::path& path, const char* options) : path_(path) {
    std::filesystem::create_directories(path);
    EXPECT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, options), 0);
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  ~TinyDisk() { ::umount2(path_.c_str(), MNT_DETACH); }
  void fill() const {
    const UniqueFd fd{::open((path_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const std::string block(65536, 'x');
    while (::write(fd.get(), block.data(), block.size()) > 0) continue;
    EXPECT_EQ(errno, ENOSPC);
  }

 private:
  std::filesystem::path path_;
};

TEST(StoreOnAFullDisk, IsACleanErrorAtCreationAndLeavesNothing) {
  own_mounts();
  Node node;
  const TinyDisk disk(node.directory.path() / "state", "size=4m");
  EXPECT_THAT(node.acquire("a"), HasSubstr("error 5"));
  EXPECT_THAT(node.acquire("a"), HasSubstr("No space left on device"));
  EXPECT_FALSE(std::filesystem::exists(node.data_file()));
  EXPECT_FALSE(std::filesystem::exists(node.conf.data_dir / "ipam.mdb.new"));
  EXPECT_TRUE(node.release("a"));
  EXPECT_EQ(node.ipam().status().error().code, cni::kNotAvailable);
}

TEST(StoreOnAFullDisk, GoesOnOnceItIsMade) {
  own_mounts();
  Node node({"10.0.0.0/24", "fd00::/64"});
  const TinyDisk disk(node.directory.path() / "state", "size=9m");
  EXPECT_EQ(node.acquire("first"), "10.0.0.1 fd00::1");
  disk.fill();
  for (int i = 0; i < 200; ++i) ASSERT_THAT(node.acquire("c" + std::to_string(i)), testing::StartsWith("10.0.0."));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(node.release("c" + std::to_string(i)));
  EXPECT_EQ(node.ipam().records()->size(), 2U);
  EXPECT_TRUE(node.ipam().status());
}

TEST(StoreReadOnly, IsReadAndSaysWhyItCannotBeWritten) {
  own_mounts();
  Node node;
  const TinyDisk disk(node.directory.path() / "state", "size=16m");
  EXPECT_EQ(node.acquire("a"), "10.0.0.1");
  ASSERT_EQ(::mount(nullptr, (node.directory.path() / "state").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_TRUE(node.ipam().check(Node::key("a"), {ip("10.0.0.1")}));
  EXPECT_THAT(node.acquire("b"), HasSubstr("Read-only file system"));
  const auto released = node.release("a");
  ASSERT_FALSE(released.has_value());
  EXPECT_THAT(released.error().message, HasSubstr("Read-only file system"));
  EXPECT_EQ(node.ipam().status().error().code, cni::kNotAvailable);
}

TEST(StoreReadOnly, HoldsUpNoDelWhereTheKernelTellsTheDead) {
  own_mounts();
  Node node;
  node.watch();
  const auto state = node.directory.path() / "state";
  const TinyDisk disk(state, "size=16m");
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  ASSERT_EQ(::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  node.remove_link("a");
  EXPECT_TRUE(node.release("a"));
  EXPECT_TRUE(node.ipam().collect("net", {}));
  EXPECT_THAT(node.acquire("b"), HasSubstr("error 5")) << "ADD does need to write";
  ASSERT_EQ(::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  EXPECT_EQ(node.ipam().records()->size(), 1U) << "the dead record stays, until addresses run short";
}

TEST(StoreReadOnly, HoldsUpNoDelWhenDamagedOrOfAnotherBoot) {
  own_mounts();
  Node node;
  node.watch();
  const auto state = node.directory.path() / "state";
  const TinyDisk disk(state, "size=24m");
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  for (const bool damaged : {true, false}) {
    ASSERT_EQ(::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
    if (damaged)
      std::filesystem::resize_file(node.data_file(), 100);
    else
      ASSERT_TRUE(LmdbStore::create(node.conf.data_dir, "a boot long ago", {}));
    ASSERT_EQ(::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    EXPECT_TRUE(node.release("a"));
    EXPECT_TRUE(node.ipam().collect("net", {}));
  }
}

TEST(StoreOnAFullDisk, HoldsUpNoDelWhenDamaged) {
  own_mounts();
  Node node;
  node.watch();
  const TinyDisk disk(node.directory.path() / "state", "size=9m");
  EXPECT_EQ(node.add("a"), "10.0.0.1");
  std::filesystem::resize_file(node.data_file(), 100);
  disk.fill();
  EXPECT_TRUE(node.release("a"));
  EXPECT_TRUE(node.ipam().collect("net", {}));
}

/// Every process is PID 1 of its own namespace, which is what fools LMDB's own lock.
TEST(StoreBetweenPidNamespaces, GivesNothingTwiceToEqualPids) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 50;
  Node node({"10.0.0.0/24"});
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t outer = ::fork();
    if (outer == 0) {
      if (::unshare(CLONE_NEWPID) != 0) ::_exit(10);
      const pid_t inner = ::fork();
      if (inner == 0) {
        if (::getpid() != 1) ::_exit(11);
        for (int i = 0; i < kEach; ++i)
          if (node.acquire("c" + std::to_string(p) + "-" + std::to_string(i)).starts_with("error")) ::_exit(12);
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(inner, &status, 0);
      ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 13);
    }
    children.push_back(outer);
  }
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  const auto records = node.ipam().records();
  ASSERT_TRUE(records.has_value());
  std::set<IpAddress> addresses;
  for (const auto& record : *records) addresses.insert(record.address);
  EXPECT_EQ(addresses.size(), static_cast<std::size_t>(kProcesses * kEach));
}

}  // namespace
}  // namespace slash32::ipam
