// Ways into a database, and rooms in it, that one seldom comes to.

#include <climits>
#include <filesystem>
#include <optional>
#include <string>

#include "lsm/context.h"
#include "os/byte_lock.h"
#include "os/file.h"
#include "support/fault.h"
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

// As a power cut may leave it.
TEST_F(RecoveryTest, ALogCutInsideItsHeaderPageIsOneWithoutRecords) {
  Db db = open_passive();
  ASSERT_TRUE(db.put("k", "v").ok());
  const std::string copied = path() + "-copied";
  fs::copy(path(), copied);
  fs::resize_file(copied + "/" + files("", ".wal").front(), 1'000);
  Options options;
  options.background = Background::kNone;
  Result<Db> again = Db::open(copied, options);
  ASSERT_TRUE(again) << again.status().to_string();
  EXPECT_EQ(again->get("k").value(), Found());
  EXPECT_TRUE(again->put("k", "w").ok());
  const CheckReport report = again->check().value();
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
}

// A copy of a database whose logs nobody made tables of, as after a power cut.
class ManyLogsTest : public RecoveryTest {
 protected:
  ManyLogsTest() {
    options_.background = Background::kNone;
    Options creation = options_;
    creation.mode = OpenMode::kCreateIfMissing;
    creation.fixed.memtable_size = std::size_t{64} << 10;
    Db db = Db::open(path(), creation).value();
    os::ByteLocks others(os::File::open(path() + "/LOCK", os::FileAccess::kReadWrite).value());
    EXPECT_TRUE(others.try_lock(lsm::kFlushByte, os::ByteLocks::Mode::kExclusive).value());
    while (db.put(std::to_string(written_), value_, {.wait = kAtOnce}).ok()) ++written_;
    EXPECT_EQ(files("", ".sst").size(), 0u);
    EXPECT_GE(files("", ".wal").size(), 5u);
    fs::copy(path(), saved_);
    copy();
  }

  void copy() const {
    fs::remove_all(copied_);
    fs::copy(saved_, copied_);
  }
  // The error of reading, if there is one; what is read must be right.
  Status read_all(const Db& db) const {
    for (int i = 0; i < written_; ++i) {
      const auto value = const_cast<Db&>(db).get(std::to_string(i));
      if (!value) return value.error();
      EXPECT_EQ(*value, Found(value_)) << i;
    }
    return {};
  }
  static testing::AssertionResult names_a_file(const Status& status) {
    const bool names = status.ok() || status.message().find(" /") != std::string::npos;
    return names ? testing::AssertionSuccess() : testing::AssertionFailure() << status.to_string();
  }
  Status open_and_read() const {
    const Result<Db> db = Db::open(copied_, options_);
    return db ? read_all(*db) : db.error();
  }

  int written_ = 0;
  const std::string saved_ = directory_.file("saved");
  const std::string copied_ = directory_.file("copy");
  Options options_;
};

// Each memtable is mapped by every process: there must not be any number of them.
TEST_F(ManyLogsTest, OfThemTheOldestBecomeTablesBeforeAnybodyIsAttached) {
  Db copied = Db::open(copied_, options_).value();
  EXPECT_EQ(copied.stats()->sealed_memtables, 3u);
  EXPECT_TRUE(read_all(copied).ok());
  EXPECT_TRUE(copied.check()->problems.empty());
}

TEST_F(ManyLogsTest, AReaderThatMeetsAnyErrorSaysWhereAndIsNeverWrong) {
  options_.access = Access::kReadOnly;
  const auto judge = [](const Status& status) { EXPECT_TRUE(names_a_file(status)); };
  EXPECT_GE((test::EachCallFails{[] {}, [&] { return open_and_read(); }, judge}.run()), 30);
}

TEST_F(ManyLogsTest, ARecoveryThatMeetsAnyErrorSaysWhereAndCanBeMadeAgain) {
  const auto judge = [this](const Status& status) {
    EXPECT_TRUE(names_a_file(status));
    const Status again = open_and_read();
    EXPECT_TRUE(again.ok()) << again.to_string() << " after " << status.to_string();
  };
  EXPECT_GE((test::EachCallFails{[this] { copy(); }, [&] { return open_and_read(); }, judge}.run()),
            100);
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
