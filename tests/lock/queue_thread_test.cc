// Threads stand in for processes, on one mapping, so that ThreadSanitizer sees every access.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "lock/queue.h"
#include "os/process.h"
#include "support/lock_site.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;

std::uint64_t seed() {
  const char* given = std::getenv("TIDELOCK_SEED");
  const std::uint64_t value =
      given != nullptr ? std::strtoull(given, nullptr, 10) : os::random_u64();
  std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(value));
  return value;
}

// What the lock protects. Not atomic on purpose: ThreadSanitizer reports two inside at once.
struct Protected {
  std::uint64_t count = 0;
  std::uint64_t mirror = 0;
};

struct Outcome {
  std::uint64_t acquired = 0;
  std::uint64_t refused = 0;
};

Outcome work(Queue& queue, Protected& data, std::uint64_t thread_seed, milliseconds time) {
  std::mt19937_64 random(thread_seed);
  const os::Deadline end = os::Deadline::after(time);
  Outcome outcome;
  while (!end.expired()) {
    const auto policy = static_cast<Wait::Policy>(random() % 3);
    const Backoff backoff{.base = std::chrono::microseconds(20), .tries = 3};
    const os::Deadline deadline =
        random() % 4 == 0 ? os::Deadline::after(milliseconds(random() % 3)) : os::Deadline::never();
    Result<Guard> guard = queue.acquire(policy, backoff, deadline);
    if (!guard) {
      ++outcome.refused;
      continue;
    }
    ++outcome.acquired;
    EXPECT_EQ(data.count, data.mirror);
    ++data.count;
    if (random() % 64 == 0) std::this_thread::yield();
    ++data.mirror;
  }
  return outcome;
}

class QueueThreads : public testing::TestWithParam<Handover> {};

TEST_P(QueueThreads, ExcludeEachOtherThroughOneAndThroughSeveralAttachments) {
  const std::uint64_t base_seed = seed();
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("queue");
  test::LockSite mapped(path, 4);  // more threads than ring entries
  Protected data;
  constexpr int kThreads = 6;
  std::vector<std::unique_ptr<os::ByteLocks>> locks;
  std::vector<std::unique_ptr<Queue>> queues;
  for (int i = 0; i < kThreads / 2; ++i) {
    locks.push_back(
        std::make_unique<os::ByteLocks>(os::File::open(path, os::FileAccess::kReadWrite).value()));
    const Site site{.bytes = mapped.site().bytes,
                    .locks = *locks.back(),
                    .recovery_byte = 1,
                    .first_member_byte = 1024};
    queues.push_back(Queue::attach(site, GetParam(), "thread").value());
  }
  std::array<Outcome, kThreads> outcomes;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(
        [&, i] { outcomes[i] = work(*queues[i / 2], data, base_seed + i, milliseconds(1'500)); });
  }
  for (std::thread& thread : threads) thread.join();

  std::uint64_t acquired = 0;
  for (const Outcome& outcome : outcomes) {
    acquired += outcome.acquired;
    EXPECT_GT(outcome.acquired, 0u);
  }
  EXPECT_EQ(data.count, acquired);
  const LockInfo info = queues[0]->info().value();
  EXPECT_EQ(info.word, LockInfo::Word::kFree);
  EXPECT_TRUE(info.waiters.empty());
  EXPECT_FALSE(info.inconsistent);
  std::uint64_t counted = 0;
  for (const LockMember& member : info.members) counted += member.acquired;
  EXPECT_EQ(counted, acquired);
}

INSTANTIATE_TEST_SUITE_P(Handover, QueueThreads,
                         testing::Values(Handover::kBounded, Handover::kStrict),
                         [](const auto& given) {
                           return given.param == Handover::kBounded ? "Bounded" : "Strict";
                         });

}  // namespace
}  // namespace tidelock::lock
