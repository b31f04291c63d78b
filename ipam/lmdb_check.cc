#include "ipam/lmdb_check.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipam/lmdb_file.h"

namespace slash32::ipam {
namespace {

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::size_t kHeader = 16;  // of a page, and 8 of a node
constexpr std::size_t kNodeHeader = 8;
constexpr std::uint64_t kNone = ~std::uint64_t{0};
constexpr std::uint16_t kBranch = 0x01;
constexpr std::uint16_t kLeaf = 0x02;
constexpr std::uint16_t kOverflow = 0x04;
constexpr std::uint16_t kMetaPage = 0x08;
constexpr std::uint16_t kBigData = 0x01;
constexpr std::uint16_t kIntegerKey = 0x08;
constexpr std::uint16_t kMaxDepth = 16;  // LMDB's stack holds 32

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNone;
};

struct Meta {
  std::uint32_t page_size = 0;
  std::uint64_t map_size = 0;
  Tree free;
  Tree main;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

std::unexpected<Error> damaged(std::uint64_t page, const char* what) {
  return fail(kDamagedFile, "page " + std::to_string(page) + ": " + what);
}

/// A page, or any stretch: reads past its end are zeros, which no check takes for good.
class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> data) : data_(data) {}
  template <class T>
  T at(std::size_t offset) const {
    T value{};
    if (offset + sizeof(T) <= data_.size()) std::memcpy(&value, data_.data() + offset, sizeof(T));
    return value;
  }
  std::string_view text(std::size_t offset, std::size_t size) const {
    if (offset + size > data_.size()) return {};
    return {reinterpret_cast<const char*>(data_.data()) + offset, size};
  }

 private:
  std::span<const std::uint8_t> data_;
};

Tree tree_at(const Bytes& page, std::size_t offset) {
  return {.flags = page.at<std::uint16_t>(offset + 4),
          .depth = page.at<std::uint16_t>(offset + 6),
          .branch_pages = page.at<std::uint64_t>(offset + 8),
          .leaf_pages = page.at<std::uint64_t>(offset + 16),
          .overflow_pages = page.at<std::uint64_t>(offset + 24),
          .entries = page.at<std::uint64_t>(offset + 32),
          .root = page.at<std::uint64_t>(offset + 40)};
}

class Checker {
 public:
  Checker(std::span<const std::uint8_t> file, std::size_t page_size)
      : file_(file), page_size_(page_size), used_(file.size() / page_size) {}

  Status run() {
    const auto first = TRY(meta(0));
    const auto second = TRY(meta(1));
    const Meta& newest = first.transaction < second.transaction ? second : first;
    end_ = newest.last_page + 1;
    used_[0] = used_[1] = true;
    TRY(tree(newest.main, /*is_free_list=*/false));
    return tree(newest.free, /*is_free_list=*/true);
  }

 private:
  Bytes page(std::uint64_t number) const { return Bytes(file_.subspan(number * page_size_, page_size_)); }

  Result<Meta> meta(std::uint64_t number) const {
    const Bytes p = page(number);
    const Meta out{.page_size = p.at<std::uint32_t>(kHeader + 24),
                   .map_size = p.at<std::uint64_t>(kHeader + 16),
                   .free = tree_at(p, kHeader + 24),
                   .main = tree_at(p, kHeader + 72),
                   .last_page = p.at<std::uint64_t>(kHeader + 120),
                   .transaction = p.at<std::uint64_t>(kHeader + 128)};
    if (p.at<std::uint64_t>(0) != number || p.at<std::uint16_t>(10) != kMetaPage ||
        p.at<std::uint32_t>(kHeader) != kMagic || p.at<std::uint32_t>(kHeader + 4) != kDataVersion)
      return damaged(number, "not a header");
    // The low bits of the free list's flags are the environment's: FIXEDMAP there would map us over our own memory.
    constexpr std::uint16_t kTreeFlags = 0x7f;
    if (out.page_size != page_size_ || out.map_size > file_.size() || out.last_page < 1 ||
        out.last_page >= used_.size() || (out.free.flags & kTreeFlags) != kIntegerKey || out.main.flags != 0)
      return damaged(number, "impossible sizes or flags in the header");
    return out;
  }

  /// Pages are used once: `count` of them from `number` on.
  Status use(std::uint64_t number, std::uint64_t count = 1) {
    if (number < 2 || number >= end_ || count > end_ - number) return damaged(number, "outside the file");
    for (std::uint64_t i = number; i < number + count; ++i) {
      if (used_[i]) return damaged(i, "used twice");
      used_[i] = true;
    }
    return ok();
  }

  Status tree(const Tree& tree, bool is_free_list) {
    seen_ = {};
    last_key_.reset();
    if (tree.root != kNone) {
      if (tree.depth < 1 || tree.depth > kMaxDepth) return damaged(tree.root, "impossible depth");
      TRY(subtree(tree.root, tree.depth, is_free_list));
    } else if (tree.depth != 0) {
      return damaged(0, "depth without a root");
    }
    if (seen_.branch_pages != tree.branch_pages || seen_.leaf_pages != tree.leaf_pages ||
        seen_.overflow_pages != tree.overflow_pages || seen_.entries != tree.entries)
      return damaged(0, "the counts in the header are not the tree's");
    return ok();
  }

  Status subtree(std::uint64_t number, unsigned depth, bool is_free_list) {
    TRY(use(number));
    const Bytes p = page(number);
    const bool leaf = depth == 1;
    const std::size_t lower = p.at<std::uint16_t>(12);
    const std::size_t upper = p.at<std::uint16_t>(14);
    if (p.at<std::uint64_t>(0) != number || p.at<std::uint16_t>(10) != (leaf ? kLeaf : kBranch))
      return damaged(number, "not a page of this tree");
    const std::size_t count = (lower - kHeader) / 2;
    if (lower < kHeader || lower % 2 != 0 || upper < lower || upper > page_size_ || count < (leaf ? 1U : 2U))
      return damaged(number, "impossible bounds");
    leaf ? ++seen_.leaf_pages : ++seen_.branch_pages;
    std::size_t filled = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t offset = p.at<std::uint16_t>(kHeader + 2 * i);
      if (offset < upper || offset % 2 != 0 || offset + kNodeHeader > page_size_) return damaged(number, "a wild node");
      const std::size_t size = leaf ? TRY(leaf_node(number, p, offset, is_free_list))
                                    : TRY(branch_node(number, p, offset, depth, is_free_list));
      filled += (size + 1) & ~std::size_t{1};
    }
    if (filled != page_size_ - upper) return damaged(number, "nodes that do not fill their place");
    return ok();
  }

  /// The node's size within its page.
  Result<std::size_t> branch_node(std::uint64_t number, const Bytes& p, std::size_t offset, unsigned depth,
                                  bool is_free_list) {
    const std::size_t size = kNodeHeader + p.at<std::uint16_t>(offset + 6);
    if (offset + size > page_size_) return damaged(number, "a node beyond its page");
    const std::uint64_t child = p.at<std::uint16_t>(offset) | std::uint64_t{p.at<std::uint16_t>(offset + 2)} << 16 |
                                std::uint64_t{p.at<std::uint16_t>(offset + 4)} << 32;
    TRY(subtree(child, depth - 1, is_free_list));
    return size;
  }

  Result<std::size_t> leaf_node(std::uint64_t number, const Bytes& p, std::size_t offset, bool is_free_list) {
    const std::size_t key_size = p.at<std::uint16_t>(offset + 6);
    const std::size_t data_size =
        p.at<std::uint16_t>(offset) | static_cast<std::size_t>(p.at<std::uint16_t>(offset + 2)) << 16;
    const std::uint16_t flags = p.at<std::uint16_t>(offset + 4);
    const bool big = flags == kBigData && is_free_list;  // our own values are small
    if (flags != 0 && !big) return damaged(number, "a node of a kind that we never write");
    const std::size_t size = kNodeHeader + key_size + (big ? sizeof(std::uint64_t) : data_size);
    if (offset + size > page_size_ || key_size == 0) return damaged(number, "a node beyond its page");
    ++seen_.entries;
    const std::size_t data = offset + kNodeHeader + key_size;
    const auto key = p.text(offset + kNodeHeader, key_size);
    TRY(in_order(number, key, is_free_list));
    if (!is_free_list) return size;
    if (!big) {
      TRY(free_pages(number, p, data, data_size));
      return size;
    }
    const auto overflow = p.at<std::uint64_t>(data);
    const std::uint64_t pages = (kHeader + data_size + page_size_ - 1) / page_size_;
    TRY(use(overflow, pages));
    if (page(overflow).at<std::uint16_t>(10) != kOverflow || page(overflow).at<std::uint32_t>(12) != pages)
      return damaged(overflow, "not the overflow page it should be");
    seen_.overflow_pages += pages;
    TRY(free_pages(overflow, Bytes(file_.subspan(overflow * page_size_, pages * page_size_)), kHeader, data_size));
    return size;
  }

  Status in_order(std::uint64_t number, std::string_view key, bool is_free_list) {
    if (is_free_list) {
      if (key.size() != sizeof(std::uint64_t)) return damaged(number, "a key that is no transaction's");
      std::uint64_t transaction = 0;
      std::memcpy(&transaction, key.data(), key.size());
      if (last_transaction_ && transaction <= *last_transaction_) return damaged(number, "keys out of order");
      last_transaction_ = transaction;
      return ok();
    }
    if (last_key_ && key <= *last_key_) return damaged(number, "keys out of order");
    last_key_ = key;
    return ok();
  }

  /// A list of free pages: how many, then the pages, falling.
  Status free_pages(std::uint64_t number, const Bytes& p, std::size_t offset, std::size_t size) {
    const auto count = p.at<std::uint64_t>(offset);
    if (size < sizeof(count) || count > size / sizeof(count) - 1)
      return damaged(number, "a free list beyond its place");
    std::uint64_t before = kNone;
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto freed = p.at<std::uint64_t>(offset + i * sizeof(count));
      if (freed >= before) return damaged(number, "a free list out of order");
      TRY(use(freed));
      before = freed;
    }
    return ok();
  }

  std::span<const std::uint8_t> file_;
  std::size_t page_size_;
  std::vector<bool> used_;
  std::uint64_t end_ = 0;  // the first page number behind what is in use
  Tree seen_;
  std::optional<std::string_view> last_key_;
  std::optional<std::uint64_t> last_transaction_;
};

}  // namespace

Status check_lmdb(std::span<const std::uint8_t> file, std::size_t page_size) {
  if (file.size() < 2 * page_size || file.size() % page_size != 0) return damaged(0, "too small for a header");
  return Checker(file, page_size).run();
}

}  // namespace slash32::ipam
