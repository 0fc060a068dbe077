#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

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

  TemporaryDirectory directory_{Where::kMemory};
};

}  // namespace tidelock::test
