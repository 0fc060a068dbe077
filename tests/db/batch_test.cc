#include "tidelock/batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "db/batch_access.h"
#include "wal/operation.h"

namespace tidelock {
namespace {

std::vector<std::string> operations_of(const Batch& batch) {
  const std::string_view encoded = BatchAccess::encoded(batch);
  wal::OperationReader reader(std::as_bytes(std::span(encoded)), batch.count());
  std::vector<std::string> texts;
  while (reader.next()) {
    const wal::Operation& operation = reader.operation();
    texts.push_back(operation.kind == wal::OperationKind::kErase
                        ? "erase " + std::string(operation.key)
                        : "put " + std::string(operation.key) + "=" + std::string(operation.value));
  }
  EXPECT_TRUE(reader.status().ok()) << reader.status().to_string();
  return texts;
}

TEST(Batch, IsEmptyAtFirst) {
  const Batch batch;
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.count(), 0u);
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(BatchAccess::encoded(batch), "");
}

TEST(Batch, KeepsItsOperationsInTheOrderTheyWereAdded) {
  Batch batch;
  batch.put("a", "1");
  batch.erase("b");
  batch.put("a", "2");
  batch.put("", "");
  EXPECT_EQ(operations_of(batch),
            (std::vector<std::string>{"put a=1", "erase b", "put a=2", "put ="}));
}

TEST(Batch, CountsBytesOfKeysAndValues) {
  Batch batch;
  batch.put("key", "value");
  EXPECT_EQ(batch.size(), 8u);
  batch.erase("longer key");
  EXPECT_EQ(batch.size(), 18u);
  EXPECT_EQ(batch.count(), 2u);
}

TEST(Batch, KnowsItsLargestKeyAndValue) {
  Batch batch;
  batch.put(std::string(65'536, 'k'), "v");
  batch.put("k", std::string(100'000, 'v'));
  EXPECT_EQ(BatchAccess::largest_key(batch), 65'536u);
  EXPECT_EQ(BatchAccess::largest_value(batch), 100'000u);
  batch.erase(std::string(65'537, 'k'));
  EXPECT_EQ(BatchAccess::largest_key(batch), 65'537u);
  EXPECT_EQ(BatchAccess::largest_value(batch), 100'000u);
}

TEST(Batch, ClearedIsAsNew) {
  Batch batch;
  batch.put("key", "value");
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(BatchAccess::largest_key(batch), 0u);
  EXPECT_EQ(BatchAccess::largest_value(batch), 0u);
  batch.erase("k");
  EXPECT_EQ(operations_of(batch), (std::vector<std::string>{"erase k"}));
}

TEST(Batch, IsAPlainValue) {
  Batch batch;
  batch.put("key", "value");
  Batch copy = batch;
  batch.erase("key");
  EXPECT_EQ(operations_of(copy), (std::vector<std::string>{"put key=value"}));
}

}  // namespace
}  // namespace tidelock
