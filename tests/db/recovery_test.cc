// Ways into a database, and rooms in it, that one seldom comes to.

#include <climits>
#include <filesystem>
#include <optional>
#include <string>

#include "lsm/context.h"
#include "os/byte_lock.h"
#include "os/file.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

using Found = std::optional<std::string>;

class RecoveryTest : public test::DatabaseTest {
 protected:
  [[nodiscard]] Db open_passive() const { return open({.background = Background::kNone}); }
  [[nodiscard]] StatusCode code(const std::string& directory, const Options& options) const {
    return Db::open(directory, options).status().code();
  }

  static constexpr Wait kAtOnce{.policy = Wait::Policy::kFailFast};
  const std::string value_ = std::string(10'000, 'v');
};

// Each memtable is mapped by every process: there must not be any number of them.
TEST_F(RecoveryTest, OfManyLogsTheOldestBecomeTablesBeforeAnybodyIsAttached) {
  Db db = open_passive();
  os::ByteLocks others(os::File::open(path() + "/LOCK", os::FileAccess::kReadWrite).value());
  ASSERT_TRUE(others.try_lock(lsm::kFlushByte, os::ByteLocks::Mode::kExclusive).value());
  int written = 0;
  while (db.put(std::to_string(written), value_, {.wait = kAtOnce}).ok()) ++written;
  EXPECT_EQ(files("", ".sst").size(), 0u);
  EXPECT_GE(files("", ".wal").size(), 5u);
  const std::string copy = directory_.file("copy");
  fs::copy(path(), copy);

  Options options;
  options.background = Background::kNone;
  Db copied = Db::open(copy, options).value();
  EXPECT_EQ(copied.stats()->sealed_memtables, 3u);
  for (int i = 0; i < written; ++i) {
    ASSERT_EQ(copied.get(std::to_string(i)).value(), Found(value_)) << i;
  }
  EXPECT_TRUE(copied.check()->problems.empty());
}

TEST_F(RecoveryTest, APathTooLongForTheFilesInsideIsRefused) {
  std::string deep = directory_.path();
  while (deep.size() < PATH_MAX - 100) deep += "/" + std::string(50, 'd');
  deep += "/" + std::string(PATH_MAX - 20 - deep.size(), 'd');
  fs::create_directories(deep);
  EXPECT_EQ(code(deep, {.mode = OpenMode::kCreateIfMissing}), StatusCode::kInvalid);
  EXPECT_TRUE(fs::is_empty(deep));
}

TEST_F(RecoveryTest, AReaderCreatesNothing) {
  EXPECT_EQ(code(path(), {.mode = OpenMode::kCreate, .access = Access::kReadOnly}),
            StatusCode::kInvalid);
  EXPECT_FALSE(fs::exists(path()));
}

// Their shared state is in use though its name is lost; another one beside it would be a second
// database over the same files.
TEST_F(RecoveryTest, WhoeverFindsOthersAttachedMakesNoSharedStateBesideTheirs) {
  Db db = open_passive();
  ASSERT_TRUE(db.put("k", "v").ok());
  fs::remove(path() + "/STATE");
  EXPECT_EQ(code(path(), {.wait = kAtOnce}), StatusCode::kBusy);
  EXPECT_FALSE(fs::exists(path() + "/STATE"));
}

}  // namespace
}  // namespace tidelock
