#include <sys/mman.h>

#include <cstring>
#include <optional>
#include <vector>

#include "db/limits.h"
#include "support/child_process.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

class HandleTest : public test::DatabaseTest {};

TEST_F(HandleTest, AnswersKClosedWhenItWasMovedFrom) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "v").ok());
  Db moved = std::move(db);
  const auto closed = [](const auto& answer) {
    if constexpr (requires { answer.code(); }) {
      return answer.code() == StatusCode::kClosed;
    } else {
      return answer.status().code() == StatusCode::kClosed;
    }
  };
  EXPECT_TRUE(closed(db.put("k", "v")));  // NOLINT(bugprone-use-after-move): that is the subject
  EXPECT_TRUE(closed(db.erase("k")));
  EXPECT_TRUE(closed(db.write(Batch())));
  EXPECT_TRUE(closed(db.put_if("k", "v", "w")));
  EXPECT_TRUE(closed(db.get("k")));
  EXPECT_TRUE(closed(db.get_pinned("k")));
  EXPECT_TRUE(closed(db.exists("k")));
  EXPECT_TRUE(closed(db.snapshot()));
  EXPECT_TRUE(closed(db.iterate()));
  EXPECT_TRUE(closed(db.min()));
  EXPECT_TRUE(closed(db.max()));
  EXPECT_TRUE(closed(db.above("k")));
  EXPECT_TRUE(closed(db.below("k")));
  EXPECT_TRUE(closed(db.sync()));
  EXPECT_TRUE(closed(db.refresh()));
  EXPECT_TRUE(closed(db.flush()));
  EXPECT_TRUE(closed(db.compact()));
  EXPECT_TRUE(closed(db.check()));
  EXPECT_TRUE(closed(db.stats()));
  EXPECT_TRUE(closed(db.lock_info()));
  EXPECT_TRUE(closed(db.close()));
  EXPECT_EQ(moved.get("k").value(), std::optional<std::string>("v"));
  db = std::move(moved);  // and may be given a database again
  EXPECT_EQ(db.get("k").value(), std::optional<std::string>("v"));
}

// What the parent has mapped is a hole in the child, and soon something of the child's own.
TEST_F(HandleTest, ViewsThatEndInAForkedChildLeaveItsMemoryAlone) {
  Db db = open();
  ASSERT_TRUE(db.put("k", std::string(5000, 'v')).ok());
  std::optional<Snapshot> snapshot(std::move(db.snapshot()).value());
  std::optional<Iterator> iterator(std::move(db.iterate()).value());
  std::optional<PinnedValue> pinned(std::move(db.get_pinned("k")).value());
  ASSERT_TRUE(db.flush().ok());
  ASSERT_TRUE(db.refresh().ok());  // now only they hold the memtable
  test::ChildProcess child([&] {
    std::vector<char*> mine;
    constexpr std::size_t kSize = 64 << 10;
    for (int i = 0; i < 1000; ++i) {
      void* const bytes =
          ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (bytes == MAP_FAILED) return 1;
      mine.push_back(static_cast<char*>(bytes));
    }
    pinned.reset();
    iterator.reset();
    snapshot.reset();
    for (char* const bytes : mine) std::memset(bytes, 1, kSize);
    return 0;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST(Limits, ABatchThatNoRecordHoldsIsTooLarge) {
  const char byte = 0;
  lsm::WriteSet set{.payload = {&byte, (std::size_t{1} << 31) + 1}, .count = 1, .demand = {}};
  EXPECT_EQ(check_fits(set).code(), StatusCode::kTooLarge);
  set.payload = {&byte, 1};
  EXPECT_TRUE(check_fits(set).ok());
}

TEST(Limits, ABatchThatNoMemtableHoldsIsTooLarge) {
  lsm::WriteSet set{.payload = "x", .count = 1, .demand = {}};
  for (int gib = 0; gib < 15; ++gib) set.demand.add(1, std::size_t{1} << 30);
  EXPECT_TRUE(check_fits(set).ok());
  for (int gib = 15; gib < 17; ++gib) set.demand.add(1, std::size_t{1} << 30);
  EXPECT_EQ(check_fits(set).code(), StatusCode::kTooLarge);
}

TEST(Limits, ManyTinyOperationsTakeMoreThanTheirBytes) {
  lsm::WriteSet set{.payload = "x", .count = 1, .demand = {}};
  for (int i = 0; i < 250'000'000; ++i) set.demand.add(1, 0);
  EXPECT_EQ(check_fits(set).code(), StatusCode::kTooLarge);
}

}  // namespace
}  // namespace tidelock
