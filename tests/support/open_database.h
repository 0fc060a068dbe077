#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock::test {

// A directory for one database, and handles to it.
class DatabaseTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory_.file("db"); }

  // Creates it if need be; with memtables of 1 MiB, so that rolls and flushes are cheap to cause.
  [[nodiscard]] Db open(Options options = {}) const {
    options.mode = OpenMode::kCreateIfMissing;
    options.fixed.memtable_size = std::size_t{1} << 20;
    Result<Db> db = Db::open(path(), options);
    EXPECT_TRUE(db.has_value()) << db.status().to_string();
    return std::move(*db);
  }

  [[nodiscard]] Db open_for_reading() const {
    Options options;
    options.access = Access::kReadOnly;
    Result<Db> db = Db::open(path(), options);
    EXPECT_TRUE(db.has_value()) << db.status().to_string();
    return std::move(*db);
  }

  // Names of the database's files that begin and end so.
  [[nodiscard]] std::vector<std::string> files(std::string_view prefix,
                                               std::string_view suffix = {}) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && name.ends_with(suffix)) found.push_back(name);
    }
    return found;
  }

  TemporaryDirectory directory_{Where::kMemory};
};

}  // namespace tidelock::test
