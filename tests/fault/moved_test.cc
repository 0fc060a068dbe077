#include <filesystem>
#include <set>
#include <string>

#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using Found = std::optional<std::string>;

// The directory is moved away while a handle is open, and another database takes its path.
class MovedTest : public test::DatabaseTest {
 protected:
  static Options without_thread() {
    Options options;
    options.background = Background::kNone;
    return options;
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(path())) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
};

TEST_F(MovedTest, ItsHandleNeitherWritesNorRemovesFilesOfTheOther) {
  Db old = open(without_thread());
  ASSERT_TRUE(old.put("k", "old").ok());
  fs::rename(path(), directory_.file("away"));
  {
    Db other = open(without_thread());
    ASSERT_TRUE(other.put("k", "new").ok());
    ASSERT_TRUE(other.flush().ok());
  }
  const std::set<std::string> before = names();
  EXPECT_EQ(old.flush().code(), StatusCode::kIo);
  EXPECT_EQ(old.compact().code(), StatusCode::kIo);
  Status status;
  for (int i = 0; i < 3000 && status.ok(); ++i) {
    status = old.put("k" + std::to_string(i), std::string(1000, 'v'));
  }
  EXPECT_EQ(status.code(), StatusCode::kIo) << "no log can be begun there";
  EXPECT_NE(status.message().find("moved"), std::string::npos) << status.message();
  (void)old.close();
  EXPECT_EQ(names(), before);
  Db other = open(without_thread());
  EXPECT_EQ(other.get("k").value(), Found("new"));
  EXPECT_TRUE(other.check().value().problems.empty());
}

TEST_F(MovedTest, NothingIsLostInTheOneThatWasMoved) {
  Db db = open(without_thread());
  ASSERT_TRUE(db.put("k", "v").ok());
  fs::rename(path(), directory_.file("away"));
  ASSERT_TRUE(db.put("l", "v").ok()) << "the log is still open";
  EXPECT_EQ(db.put("m", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kNotDurable)
      << "its directory cannot be synced by name";
  (void)db.close();
  fs::rename(directory_.file("away"), path());
  Db again = open(without_thread());
  for (const char* key : {"k", "l", "m"}) EXPECT_EQ(again.get(key).value(), Found("v")) << key;
}

TEST_F(MovedTest, ARemovedDirectoryIsNotTakenForDurable) {
  Db db = open(without_thread());
  ASSERT_TRUE(db.put("k", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
  fs::remove_all(path());
  EXPECT_EQ(db.put("l", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kNotDurable);
}

}  // namespace
}  // namespace tidelock
