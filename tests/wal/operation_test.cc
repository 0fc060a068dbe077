#include "wal/operation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::bytes_of;

Status read_all(const std::string& payload, std::uint32_t count, std::vector<Operation>* out) {
  OperationReader reader(bytes_of(payload), count);
  while (reader.next()) out->push_back(reader.operation());
  return reader.status();
}

Status read_status(const std::string& payload, std::uint32_t count) {
  std::vector<Operation> ignored;
  return read_all(payload, count, &ignored);
}

TEST(Operations, ReadBackAsTheyWereAppended) {
  const std::string long_key(65'535, 'k');
  const std::string long_value(70'000, 'v');
  const std::vector<Operation> written = {
      {.kind = OperationKind::kPut, .key = "a", .value = "1"},
      {.kind = OperationKind::kErase, .key = "b"},
      {.kind = OperationKind::kPut},
      {.kind = OperationKind::kErase},
      {.kind = OperationKind::kPut, .key = long_key, .value = long_value},
      {.kind = OperationKind::kPut, .key = std::string_view("\0\xff", 2), .value = "\n"},
  };
  std::string payload;
  std::size_t size = 0;
  for (const Operation& operation : written) {
    append_operation(payload, operation);
    size += encoded_size(operation);
    EXPECT_EQ(payload.size(), size);
  }
  std::vector<Operation> read;
  ASSERT_TRUE(read_all(payload, 6, &read).ok());
  ASSERT_EQ(read.size(), written.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].kind, written[i].kind);
    EXPECT_EQ(read[i].key, written[i].key);
    EXPECT_EQ(read[i].value, written[i].value);
  }
}

TEST(Operations, HaveTheseBytes) {
  std::string payload;
  append_operation(payload, {.kind = OperationKind::kPut, .key = "k", .value = "vw"});
  append_operation(payload, {.kind = OperationKind::kErase, .key = std::string(200, 'e')});
  EXPECT_EQ(payload,
            std::string("\x01\x00\x01k\x02vw\x02\x00\xc8\x01", 11) + std::string(200, 'e'));
}

TEST(Operations, OfAnUnknownKindAreRefusedByName) {
  const Status status = read_status(std::string("\x03\x00\x01k", 4), 1);
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("kind 3"), std::string::npos) << status.message();
}

TEST(Operations, InAnUnknownKeyspaceAreRefusedByName) {
  const Status status = read_status(std::string("\x01\x81\x01\x01k\x00", 6), 1);
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("keyspace 129"), std::string::npos) << status.message();
}

TEST(Operations, ThatDoNotFillThePayloadAreCorruption) {
  const std::string put = test::put_payload("key", "value");
  EXPECT_EQ(read_status(put, 2).code(), StatusCode::kCorruption);
  EXPECT_EQ(read_status(put + "x", 1).code(), StatusCode::kCorruption);
  EXPECT_EQ(read_status(put, 0).code(), StatusCode::kCorruption);
  EXPECT_TRUE(read_status("", 0).ok());
}

TEST(Operations, CutAnywhereAreCorruption) {
  const std::string put = test::put_payload("key", std::string(300, 'v'));
  for (std::size_t size = 0; size < put.size(); ++size) {
    EXPECT_EQ(read_status(put.substr(0, size), 1).code(), StatusCode::kCorruption) << size;
  }
}

TEST(Operations, WithSizesBeyondThePayloadAreCorruption) {
  const std::string opening("\x01\x00", 2);
  EXPECT_EQ(read_status(opening + "\xff\xff\xff\xff\x0f", 1).code(), StatusCode::kCorruption);
  EXPECT_EQ(read_status(opening + std::string(12, '\xff'), 1).code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace tidelock::wal
