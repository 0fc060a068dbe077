#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "manifest/current.h"
#include "support/child_process.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;

class LimitsTest : public test::DatabaseTest {};

TEST_F(LimitsTest, WithoutDescriptorsOpeningSaysSoAndDisturbsNobody) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "v").ok());
  test::ChildProcess limited([this] {
    for (rlim_t most = 3; most < 12; ++most) {
      const rlimit limit{.rlim_cur = most, .rlim_max = 64};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
      const Result<Db> mine = Db::open(path());
      if (mine) continue;
      if (mine.status().code() != StatusCode::kLimit) return 2;
    }
    const rlimit enough{.rlim_cur = 64, .rlim_max = 64};
    if (::setrlimit(RLIMIT_NOFILE, &enough) != 0) return 1;
    Result<Db> mine = Db::open(path());
    return mine && mine->get("k").value() == Found("v") ? 0 : 3;
  });
  const int status = limited.wait();
  EXPECT_TRUE(test::exited_with(status, 0)) << WEXITSTATUS(status);
  EXPECT_TRUE(db.put("k", "w").ok());
}

TEST_F(LimitsTest, FilesOfOtherStoresAreNotTouched) {
  std::filesystem::create_directory(path());
  std::ofstream(path() + "/CURRENT") << "MANIFEST-000002\n";
  std::ofstream(path() + "/MANIFEST-000002") << "of another store";
  for (const OpenMode mode : {OpenMode::kOpen, OpenMode::kCreate, OpenMode::kCreateIfMissing}) {
    Options options;
    options.mode = mode;
    const Status status = Db::open(path(), options).status();
    EXPECT_TRUE(status.code() == StatusCode::kUnsupported || status.code() == StatusCode::kExists)
        << status.to_string();
    EXPECT_NE(status.message().find(path()), std::string::npos);
  }
  EXPECT_NE(Db::destroy(path()).code(), StatusCode::kOk);
  std::ifstream manifest(path() + "/MANIFEST-000002");
  std::string line;
  std::getline(manifest, line);
  EXPECT_EQ(line, "of another store");
}

TEST_F(LimitsTest, ANewerReleasesFeatureIsRefusedByItsBit) {
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
  }
  manifest::Current current = *manifest::read_current(path(), Access::kReadOnly);
  Options reader;
  reader.access = Access::kReadOnly;

  current.features = {.compatible = 1, .read_only_compatible = 0, .incompatible = 0};
  ASSERT_TRUE(manifest::install_current(path(), current, {}).ok());
  EXPECT_EQ(Db::open(path())->get("k").value(), Found("v"));

  current.features = {.compatible = 0, .read_only_compatible = 4, .incompatible = 0};
  ASSERT_TRUE(manifest::install_current(path(), current, {}).ok());
  const Status writing = Db::open(path()).status();
  EXPECT_EQ(writing.code(), StatusCode::kUnsupported);
  EXPECT_NE(writing.message().find("2"), std::string::npos) << "the bit: " << writing.to_string();
  EXPECT_EQ(Db::open(path(), reader)->get("k").value(), Found("v"));

  current.features = {.compatible = 0, .read_only_compatible = 0, .incompatible = 1};
  ASSERT_TRUE(manifest::install_current(path(), current, {}).ok());
  EXPECT_EQ(Db::open(path()).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(Db::open(path(), reader).status().code(), StatusCode::kUnsupported);
}

TEST_F(LimitsTest, AFileWhereADirectoryIsExpectedIsNamed) {
  std::ofstream(path()) << "a file";
  for (const OpenMode mode : {OpenMode::kOpen, OpenMode::kCreate, OpenMode::kCreateIfMissing}) {
    Options options;
    options.mode = mode;
    const Status status = Db::open(path(), options).status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(path()), std::string::npos) << status.to_string();
  }
}

}  // namespace
}  // namespace tidelock
