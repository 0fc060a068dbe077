#include "memtable/node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "support/seed.h"

namespace tidelock::memtable {
namespace {

// A node in memory that was not 0, and what it should hold.
class Grown {
 public:
  Grown() {
    memory_[0].fill(std::byte{0xA5});
    node_ = &write_fork(memory_[0].data(), "path", 77);
  }

  // As the writer does: into the next kind when this one is full.
  void add(std::uint8_t byte) {
    if (is_full(*node_)) {
      using_ = 1 - using_;
      memory_[using_].fill(std::byte{0xA5});
      node_ = &write_grown(memory_[using_].data(), *node_);
    }
    expected_[byte] = next_ref_++;
    add_child(*node_, byte, expected_[byte]);
  }
  void replace(int place) {
    expected_[place] = next_ref_++;
    replace_child(*node_, place, expected_[place]);
  }

  [[nodiscard]] const Node& node() const { return *node_; }
  [[nodiscard]] const std::map<int, Ref>& expected() const { return expected_; }

  void check() const {
    ASSERT_EQ(fault_of(*node_), nullptr);
    for (int byte = 0; byte < 256; ++byte) {
      const auto at = expected_.find(byte);
      ASSERT_EQ(find_child(*node_, static_cast<std::uint8_t>(byte)),
                at == expected_.end() ? kNoRef : at->second);
    }
    for (int place = kBeforeAll; place <= kAfterAll; ++place) {
      const auto above = expected_.upper_bound(place);
      const Child next = next_child(*node_, place);
      ASSERT_EQ(next.ref, above == expected_.end() ? kNoRef : above->second) << place;
      if (next.ref != kNoRef) {
        ASSERT_EQ(next.place, above->first);
      }
      const auto from = expected_.lower_bound(place);
      const Child previous = previous_child(*node_, place);
      ASSERT_EQ(previous.ref, from == expected_.begin() ? kNoRef : std::prev(from)->second)
          << place;
      if (previous.ref != kNoRef) {
        ASSERT_EQ(previous.place, std::prev(from)->first);
      }
    }
  }

 private:
  struct alignas(8) Memory : std::array<std::byte, kNodeBytesMax> {};

  std::array<Memory, 2> memory_;
  std::size_t using_ = 0;
  Node* node_;
  std::map<int, Ref> expected_;
  Ref next_ref_ = 2;
};

std::vector<std::uint8_t> all_bytes_shuffled(std::mt19937_64& random) {
  std::vector<std::uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  std::shuffle(bytes.begin(), bytes.end(), random);
  return bytes;
}

TEST(Node, FindsAllChildrenAndTheirNeighboursInAllKinds) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 3; ++round) {
    Grown grown;
    if (round == 1) grown.replace(kTerminal);
    for (const std::uint8_t byte : all_bytes_shuffled(random)) {
      grown.add(byte);
      if (grown.expected().size() % 7 == 0) grown.replace(byte);
      ASSERT_NO_FATAL_FAILURE(grown.check());
    }
    EXPECT_EQ(grown.node().kind, NodeKind::k256);
  }
}

TEST(Node, GrowsWithTheFifthSeventeenthAndFortyNinthChild) {
  std::mt19937_64 random(1);
  Grown grown;
  std::map<NodeKind, std::size_t> most;
  for (const std::uint8_t byte : all_bytes_shuffled(random)) {
    grown.add(byte);
    most[grown.node().kind] = grown.expected().size();
  }
  EXPECT_EQ(
      most,
      (std::map<NodeKind, std::size_t>{
          {NodeKind::k4, 4}, {NodeKind::k16, 16}, {NodeKind::k48, 48}, {NodeKind::k256, 256}}));
}

TEST(Node, KeepsDepthSampleTailAndTerminalWhenItGrows) {
  Grown grown;
  grown.replace(kTerminal);
  const Ref terminal = grown.expected().at(kTerminal);
  for (int byte = 0; byte < 256; ++byte) {
    grown.add(static_cast<std::uint8_t>(byte));
    const Node& node = grown.node();
    ASSERT_EQ(node.depth, 4);
    ASSERT_EQ(node.sample, 77U);
    ASSERT_EQ(std::string_view(node.tail.data() + 4, 4), "path");
    ASSERT_EQ(node.terminal.load(), terminal);
  }
}

TEST(Node, KeepsTheLastEightBytesOfItsPath) {
  alignas(8) std::array<std::byte, sizeof(Node4)> memory;
  const Node& node = write_fork(memory.data(), "a long way down", 3);
  EXPECT_EQ(node.depth, 15);
  EXPECT_EQ(std::string_view(node.tail.data(), 8), "way down");
}

TEST(Node, TellsDamage) {
  alignas(8) std::array<std::byte, kNodeBytesMax> memory;
  Node& node = write_fork(memory.data(), "", 3);
  auto& four = reinterpret_cast<Node4&>(node);
  add_child(node, 'a', 2);
  add_child(node, 'b', 4);
  ASSERT_EQ(fault_of(node), nullptr);
  four.children[1].store(kNoRef);
  EXPECT_NE(fault_of(node), nullptr);
  EXPECT_EQ(find_child(node, 'b'), kBadRef);
  EXPECT_EQ(next_child(node, 'a').ref, kBadRef);
  EXPECT_EQ(previous_child(node, kAfterAll).ref, kBadRef);
  four.children[1].store(4);
  four.keys[0].store('a' | 'a' << 8);
  EXPECT_NE(fault_of(node), nullptr);
  four.keys[0].store('a' | 'b' << 8);
  node.count.store(5);
  EXPECT_NE(fault_of(node), nullptr);
  node.count.store(2);
  node.kind = NodeKind{9};
  EXPECT_NE(fault_of(node), nullptr);
  EXPECT_EQ(find_child(node, 'a'), kBadRef);
  EXPECT_EQ(next_child(node, kTerminal).ref, kBadRef);
  EXPECT_EQ(previous_child(node, kAfterAll).ref, kBadRef);
}

TEST(Node, TellsASlotGivenToTwoBytes) {
  Grown grown;
  for (std::uint8_t byte = 0; byte < 20; ++byte) grown.add(byte);
  ASSERT_EQ(grown.node().kind, NodeKind::k48);
  auto& node = const_cast<Node48&>(reinterpret_cast<const Node48&>(grown.node()));
  node.index[200].store(node.index[3].load());
  EXPECT_NE(fault_of(node.head), nullptr);
  node.index[200].store(49);
  EXPECT_NE(fault_of(node.head), nullptr);
  EXPECT_EQ(find_child(node.head, 200), kBadRef);
}

}  // namespace
}  // namespace tidelock::memtable
