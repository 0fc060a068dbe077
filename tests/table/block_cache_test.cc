#include "table/block_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/child_process.h"

namespace tidelock::table {
namespace {

TEST(BlockCache, GivesBackWhatWasInserted) {
  BlockCache& cache = BlockCache::of_process();
  const std::uint64_t reader = BlockCache::next_reader();
  EXPECT_EQ(cache.find(reader, 3), nullptr);
  cache.insert(reader, 3, std::make_shared<const std::string>("bytes"));
  ASSERT_NE(BlockCache::of_process().find(reader, 3), nullptr);
  EXPECT_EQ(*cache.find(reader, 3), "bytes");
}

// A thread that the child does not have may hold a mutex of the parent's for ever.
TEST(BlockCache, OfAForkedChildIsAnotherOne) {
  BlockCache& mine = BlockCache::of_process();
  const std::uint64_t reader = BlockCache::next_reader();
  mine.insert(reader, 1, std::make_shared<const std::string>("the parent's"));
  test::ChildProcess child([&] {
    BlockCache& its = BlockCache::of_process();
    if (&its == &mine || its.find(reader, 1) != nullptr) return 1;
    return &BlockCache::of_process() == &its ? 0 : 2;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(&BlockCache::of_process(), &mine);
}

}  // namespace
}  // namespace tidelock::table
