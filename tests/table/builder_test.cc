#include "table/builder.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>

#include "os/system_call.h"
#include "table_samples.h"

namespace tidelock::table {
namespace {

class BuilderTest : public testing::Test {
 protected:
  Result<Builder> create(const BuilderOptions& options = {}) {
    path_ = directory_.file(std::to_string(++number_));
    return Builder::create(std::move(os::File::create(path_, {})).value(), options);
  }

  test::TemporaryDirectory directory_;
  std::string path_;
  int number_ = 0;
};

TEST_F(BuilderTest, RefusesKeysThatDoNotAscend) {
  Builder builder = std::move(create()).value();
  ASSERT_TRUE(builder.add("b", Kind::kPut, "1").ok());
  EXPECT_EQ(builder.add("b", Kind::kPut, "2").code(), StatusCode::kInvalid);
  EXPECT_EQ(builder.add("a", Kind::kErase, "").code(), StatusCode::kInvalid);
  EXPECT_TRUE(builder.add("c", Kind::kPut, "3").ok());  // a refused entry does no harm
  EXPECT_EQ(builder.finish(1)->entries, 2u);
}

TEST_F(BuilderTest, RefusesWhatATableCannotHold) {
  Builder builder = std::move(create()).value();
  EXPECT_EQ(builder.add(std::string(kKeySizeMax + 1, 'k'), Kind::kPut, "").code(),
            StatusCode::kTooLarge);
  // Only the length is looked at.
  const std::string_view huge("v", kValueSizeMax + 1);
  EXPECT_EQ(builder.add("k", Kind::kPut, huge).code(), StatusCode::kTooLarge);
  EXPECT_EQ(builder.add("k", Kind::kErase, "value").code(), StatusCode::kInvalid);
  EXPECT_EQ(builder.add("k", static_cast<Kind>(3), "").code(), StatusCode::kInvalid);
}

TEST_F(BuilderTest, RefusesToFinishWithoutEntries) {
  EXPECT_EQ(create()->finish(1).error().code(), StatusCode::kInvalid);
}

TEST_F(BuilderTest, RefusesOptionsOutOfRange) {
  EXPECT_EQ(create({.block_size = 255}).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(create({.block_size = (1 << 20) + 1}).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(create({.bloom_bits_per_key = 33}).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(create({.keyspace = 1}).status().code(), StatusCode::kInvalid);
}

TEST_F(BuilderTest, TellsWhatItWrote) {
  BuilderOptions options{.identity = {{5, 6}, 7}, .compression = Compression::kLz4};
  Builder builder = std::move(create(options)).value();
  ASSERT_TRUE(builder.add("", Kind::kPut, "nothing").ok());
  ASSERT_TRUE(builder.add("gone", Kind::kErase, "").ok());
  ASSERT_TRUE(builder.add("key", Kind::kPut, "value").ok());
  const Properties properties = builder.finish(42).value();
  EXPECT_EQ(properties.identity, options.identity);
  EXPECT_EQ(properties.entries, 3u);
  EXPECT_EQ(properties.tombstones, 1u);
  EXPECT_EQ(properties.blocks, 1u);
  EXPECT_EQ(properties.key_bytes, 7u);
  EXPECT_EQ(properties.value_bytes, 12u);
  EXPECT_EQ(properties.highest_sequence, 42u);
  EXPECT_EQ(properties.compression, Compression::kLz4);
  EXPECT_EQ(properties.smallest, "");
  EXPECT_EQ(properties.largest, "key");
  EXPECT_EQ(properties.file_bytes, builder.file().size().value());
}

// The example of docs/file-formats.md. Another outcome is another format version.
TEST_F(BuilderTest, WritesTheFormatThatIsDocumented) {
  Builder builder = std::move(create({.identity = {{0x1122334455667788, 0x99aabbccddeeff00}, 9},
                                      .bloom_bits_per_key = 0}))
                        .value();
  ASSERT_TRUE(builder.add("key1", Kind::kPut, "value").ok());
  ASSERT_TRUE(builder.add("key2", Kind::kErase, "").ok());
  std::string bytes(builder.finish(43)->file_bytes, '\0');
  ASSERT_TRUE(builder.file().read_exact(0, std::as_writable_bytes(std::span(bytes))).ok());
  const std::string_view documented =
      "01 00 04 05 6b 65 79 31 76 61 6c 75 65 02 03 01 00 32 00 00 0d 00 e2 69 "
      "02 00 00 00 00 eb 8a 08 1c d4 f1 e5 09 00 00 00 00 00 00 00 00 00 00 00 "
      "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
      "00 00 00 00 00 00 00 00 25 00 00 00 00 00 00 00 00 00 00 00 6b 65 79 32 "
      "02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 "
      "08 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 1c 00 00 00 00 00 00 00 "
      "2b 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 04 00 00 00 00 00 00 00 "
      "00 00 00 00 04 00 00 00 04 00 00 00 6b 65 79 31 6b 65 79 32 88 77 66 55 "
      "44 33 22 11 00 ff ee dd cc bb aa 99 09 00 00 00 00 00 00 00 40 00 00 00 "
      "00 00 00 00 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00 5c 00 00 00 "
      "00 00 00 00 9e dc 2e 90 f8 84 39 64 90 1d a0 5b 69 4a 64 1d ee b7 f3 b5 "
      "7c da 81 ec 01 00 00 00 68 00 00 00 7a f5 ff b9 b8 8f cd 10 54 4c 43 4b "
      "53 53 54 00 ";
  std::string found;
  for (const char byte : bytes) {
    char text[4];
    std::snprintf(text, sizeof text, "%02x ", static_cast<unsigned char>(byte));
    found += text;
  }
  EXPECT_EQ(found, documented);
}

TEST_F(BuilderTest, ForetellsTheFileLength) {
  for (const Compression compression : {Compression::kNone, Compression::kZstd}) {
    Builder builder = std::move(create({.compression = compression})).value();
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = "key" + std::to_string(1'000'000 + i);
      ASSERT_TRUE(builder.add(key, Kind::kPut, std::string(100, 'v')).ok());
    }
    const auto foretold = static_cast<double>(builder.file_bytes());
    const auto length = static_cast<double>(builder.finish(1)->file_bytes);
    EXPECT_NEAR(foretold / length, 1.0, 0.05);
  }
}

TEST_F(BuilderTest, KeepsATableNearTheSizeOfItsData) {
  std::mt19937_64 random(random_seed());
  Model model;
  while (model.size() < 30'000) {
    std::string key = std::to_string(random());
    key.resize(16, '0');
    model[key] = std::string(100, 'v');
  }
  const std::string bytes = build_table(model, {});
  EXPECT_LT(static_cast<double>(bytes.size()), 1.1 * static_cast<double>(model.size() * 116));
}

TEST_F(BuilderTest, EndsBlocksWithPages) {
  std::mt19937_64 random(random_seed());
  Model model;
  while (model.size() < 5'000)
    model[std::to_string(random())] = std::string(below(random, 100), 'v');
  const std::string bytes = build_table(model, {});
  const auto table = opened(bytes);
  std::uint64_t in_one_page = 0;
  for (std::uint64_t n = 0; n < table->properties().blocks; ++n) {
    const BlockInfo block = table->block_info(n).value();
    in_one_page += block.offset / 4096 == (block.offset + block.stored_bytes - 1) / 4096;
  }
  EXPECT_GT(in_one_page, table->properties().blocks * 3 / 4);
}

TEST_F(BuilderTest, GivesALargeValueABlockOfItsOwn) {
  const Model model{{"a", "1"}, {"b", std::string(3 << 20, 'x')}, {"c", "3"}};
  const std::string bytes = build_table(model, {});
  const auto table = opened(bytes);
  ASSERT_EQ(table->properties().blocks, 3u);
  EXPECT_EQ(table->block_info(1)->entries, 1u);
  EXPECT_EQ(table->get("b")->value, *model.at("b"));
}

// Fails every write that goes beyond the first `good` bytes, as a full disk would.
class FullDisk : public os::SystemCallHook {
 public:
  explicit FullDisk(std::uint64_t good) : good_(good) { os::set_system_call_hook(this); }
  ~FullDisk() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    const bool fails = event.call == os::SystemCall::kWrite && event.offset + event.length > good_;
    return {.error = fails ? ENOSPC : 0};
  }
  void after(const os::SystemCallEvent&) override {}

 private:
  std::uint64_t good_;
};

TEST_F(BuilderTest, ReportsAFullDisk) {
  constexpr std::uint64_t kData = 2'000 * 1'000;
  for (std::uint64_t good = 0; good < kData; good += 300'000) {
    Builder builder = std::move(create()).value();
    const FullDisk disk(good);
    Status status;
    for (int i = 0; i < 2'000 && status.ok(); ++i) {
      status = builder.add(std::to_string(10'000 + i), Kind::kPut, std::string(1'000, 'v'));
    }
    if (status.ok()) status = builder.finish(1).status();
    EXPECT_EQ(status.code(), StatusCode::kNoSpace) << good;
    EXPECT_NE(status.message().find(path_), std::string::npos);
  }
}

}  // namespace
}  // namespace tidelock::table
