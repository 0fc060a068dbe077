#include "agent/ledger.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tidelock::agent {
namespace {

TEST(LedgerEntry, KnowsNothingAtFirst) {
  LedgerEntry entry{};
  EXPECT_EQ(entry.newest_begin_ns(), 0u);
  EXPECT_EQ(entry.erases().latest_ns(), 0u);
}

TEST(LedgerEntry, KeepsTheNewestBegin) {
  LedgerEntry entry{};
  entry.put_acknowledged(20);
  entry.put_acknowledged(10);
  EXPECT_EQ(entry.newest_begin_ns(), 20u);
}

TEST(LedgerEntry, KeepsTheNewestBeginOfErasesApart) {
  LedgerEntry entry{};
  entry.erase_acknowledged(10);
  entry.put_acknowledged(20);
  EXPECT_EQ(entry.newest_begin_ns(), 20u);
  EXPECT_EQ(entry.newest_erase_begin_ns(), 10u);
}

TEST(LedgerEntry, AnEraseInFlightMayTakeEffectAnyTime) {
  LedgerEntry entry{};
  entry.erases().began();
  entry.erases().began();
  entry.erases().ended(30);
  EXPECT_EQ(entry.erases().latest_ns(), UINT64_MAX);
  entry.erases().ended(25);
  EXPECT_EQ(entry.erases().latest_ns(), 30u);
}

TEST(LedgerEntry, ARefusedEraseLeavesNoTrace) {
  LedgerEntry entry{};
  entry.erases().began();
  entry.erases().ended(0);
  EXPECT_EQ(entry.erases().latest_ns(), 0u);
}

TEST(LedgerEntry, MoreErasesInFlightThanItCanCountStayInFlight) {
  LedgerEntry entry{};
  for (int i = 0; i < 300; ++i) entry.erases().began();
  for (int i = 0; i < 300; ++i) entry.erases().ended(5);
  EXPECT_EQ(entry.erases().latest_ns(), UINT64_MAX);
}

TEST(LedgerEntry, LosesNothingAmongThreads) {
  LedgerEntry entry{};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&entry, t] {
      for (std::uint64_t i = 1; i <= 20'000; ++i) {
        entry.erases().began();
        entry.put_acknowledged(i * t);
        entry.erases().ended(i * t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entry.newest_begin_ns(), 80'000u);
  EXPECT_EQ(entry.erases().latest_ns(), 80'000u);
}

}  // namespace
}  // namespace tidelock::agent
