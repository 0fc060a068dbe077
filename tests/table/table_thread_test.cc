#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "table_samples.h"

namespace tidelock::table {
namespace {

// Threads that meet a table's blocks for the first time together. ThreadSanitizer watches.
class TableThreadTest : public testing::TestWithParam<Compression> {};

TEST_P(TableThreadTest, ManyThreadsReadOneTable) {
  std::mt19937_64 random(random_seed());
  const Model model = random_model(random, 5'000, 20, 60);
  const std::string bytes = build_table(model, {.compression = GetParam()});
  for (int round = 0; round < 5; ++round) {
    const auto table = opened(bytes);
    std::atomic<int> wrong{0};
    const auto get_all = [&] {
      for (const auto& [key, value] : model) {
        const Result<Lookup> found = table->get(key);
        wrong += !found || found->value != value.value_or("");
      }
    };
    const auto walk = [&] {
      Iterator at(table);
      auto expected = model.begin();
      for (at.seek_first(); at.valid(); at.next(), ++expected) wrong += at.key() != expected->first;
      wrong += expected != model.end();
    };
    const auto walk_back = [&] {
      Iterator at(table);
      auto expected = model.rbegin();
      for (at.seek_last(); at.valid(); at.prev(), ++expected) wrong += at.key() != expected->first;
      wrong += expected != model.rend();
    };
    const auto verify = [&] { wrong += !table->verify(); };
    std::vector<std::thread> threads;
    threads.emplace_back(get_all);
    threads.emplace_back(get_all);
    threads.emplace_back(walk);
    threads.emplace_back(walk_back);
    threads.emplace_back(verify);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, TableThreadTest,
                         testing::Values(Compression::kNone, Compression::kLz4,
                                         Compression::kZstd));

}  // namespace
}  // namespace tidelock::table
