#include "table/reader.h"

#include <gtest/gtest.h>

#include "os/mapping.h"
#include "os/system_call.h"
#include "table_forge.h"
#include "table_samples.h"

namespace tidelock::table {
namespace {

Model fruit() {
  return {{"", "no key"}, {"apple", "red"}, {"banana", std::nullopt}, {"cherry", ""}};
}

TEST(Reader, TellsValuesTombstonesAndMissingKeysApart) {
  const std::string bytes = build_table(fruit(), {});
  const auto table = opened(bytes);
  EXPECT_EQ(table->get("apple")->state, Lookup::State::kValue);
  EXPECT_EQ(table->get("apple")->value, "red");
  EXPECT_EQ(table->get("")->value, "no key");
  EXPECT_EQ(table->get("cherry")->state, Lookup::State::kValue);
  EXPECT_EQ(table->get("cherry")->value, "");
  EXPECT_EQ(table->get("banana")->state, Lookup::State::kTombstone);
  for (const char* key : {"a", "applf", "banan", "cherry2", "zebra"}) {
    EXPECT_EQ(table->get(key)->state, Lookup::State::kMissing) << key;
  }
}

TEST(Reader, HoldsKeysAndValuesOfAnyBytesAndLength) {
  std::mt19937_64 random(random_seed());
  Model model{{std::string(kKeySizeMax, 'k'), "long key"},
              {std::string(kKeySizeMax - 1, 'k') + "j", random_bytes(random, 70'000)},
              {std::string(3, '\0'), random_bytes(random, 5 << 20)},
              {"\xff\xff", random_bytes(random, 127)},
              {"\xff\xff\xff", random_bytes(random, 128)}};
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    const std::string bytes = build_table(model, {.compression = compression});
    const auto table = opened(bytes);
    for (const auto& [key, value] : model) {
      const Result<Lookup> found = table->get(key);
      ASSERT_TRUE(found) << found.status().to_string();
      EXPECT_TRUE(found->value == *value);
    }
    EXPECT_EQ(table->verify()->entries, model.size());
  }
}

TEST(Reader, ValuesOfPackedBlocksOutliveTheReader) {
  const std::string text(500, 'x');
  const std::string bytes = build_table({{"k", text}}, {.compression = Compression::kZstd});
  auto table = opened(bytes);
  const Lookup found = table->get("k").value();
  EXPECT_EQ(table->block_info(0)->compression, Compression::kZstd);
  table.reset();
  ASSERT_NE(found.owner, nullptr);
  EXPECT_EQ(found.value, text);
}

TEST(Reader, ValuesOfUnpackedBlocksPointIntoTheFile) {
  const std::string bytes = build_table(fruit(), {});
  const Lookup found = opened(bytes)->get("apple").value();
  EXPECT_EQ(found.owner, nullptr);
  EXPECT_GE(found.value.data(), bytes.data());
  EXPECT_LT(found.value.data(), bytes.data() + bytes.size());
}

TEST(Reader, KeepsWhatOwnsTheBytes) {
  const auto bytes = std::make_shared<const std::string>(build_table(fruit(), {}));
  std::weak_ptr<const std::string> watched = bytes;
  auto table =
      std::move(Reader::open(std::as_bytes(std::span(*bytes)), bytes, "t.sst", {})).value();
  std::shared_ptr<const void> gone = bytes;
  EXPECT_GE(watched.use_count(), 3);
  table.reset();
  EXPECT_EQ(watched.use_count(), 2);
}

class CountingHook : public os::SystemCallHook {
 public:
  CountingHook() { os::set_system_call_hook(this); }
  ~CountingHook() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent&) override {
    ++calls;
    return {};
  }
  void after(const os::SystemCallEvent&) override {}
  int calls = 0;
};

TEST(Reader, ReadsFromTheMappingWithoutSystemCalls) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("1.sst");
  Builder builder =
      std::move(Builder::create(std::move(os::File::create(path, {})).value(), {})).value();
  for (const auto& entry : fruit()) ASSERT_TRUE(add(builder, entry).ok());
  const std::uint64_t length = builder.finish(1)->file_bytes;
  const auto mapping = std::make_shared<const os::Mapping>(
      std::move(os::Mapping::map(builder.file(), length, os::Protection::kRead)).value());
  const CountingHook hook;
  const auto table = std::move(Reader::open(mapping->bytes(), mapping, path, {})).value();
  EXPECT_EQ(table->get("apple")->value, "red");
  EXPECT_EQ(hook.calls, 0);
}

TEST(Reader, RefusesTheTableOfAnother) {
  const Identity mine{{1, 2}, 3};
  const std::string bytes = build_table(fruit(), {.identity = mine});
  EXPECT_TRUE(open_table(bytes, mine));
  EXPECT_EQ(open_table(bytes, {{1, 2}, 4}).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(open_table(bytes, {{9, 2}, 3}).status().code(), StatusCode::kCorruption);
}

TEST(Reader, RefusesANewerFormat) {
  std::string bytes = build_table(fruit(), {});
  reseal_footer(bytes, kFormatVersion + 1);
  const Status status = open_table(bytes).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("t.sst"), std::string::npos);
  EXPECT_NE(status.message().find("format 2"), std::string::npos);
}

TEST(Reader, RefusesAnUnknownCompressionByName) {
  std::string bytes = build_table({{"k", "v"}}, {});
  const BlockInfo block = opened(bytes)->block_info(0).value();
  bytes[block.offset + block.stored_bytes - kSealBytes] = 9;
  reseal(bytes);
  const Status status = opened(bytes)->get("k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("unknown compression 9"), std::string::npos);
  EXPECT_EQ(opened(bytes)->verify().status().code(), StatusCode::kUnsupported);
}

TEST(Reader, RefusesAnUnknownKindByName) {
  std::string bytes = build_table({{"k", "v"}}, {});
  bytes[0] = 7;
  reseal(bytes);
  const auto table = opened(bytes);
  const Status status = table->get("k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("unknown kind of entry 7"), std::string::npos);
  EXPECT_EQ(table->verify().status().code(), StatusCode::kUnsupported);
  Iterator at(table);
  at.seek_first();
  EXPECT_FALSE(at.valid());
  EXPECT_EQ(at.status().code(), StatusCode::kUnsupported);
}

TEST(Reader, RefusesAnUnknownKeyspaceByName) {
  std::string bytes = build_table({{"k", "v"}}, {});
  store(bytes, decode_footer(bytes, "")->properties_offset() + 56, std::uint32_t{5});
  reseal(bytes);
  const Status status = open_table(bytes).status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("unknown keyspace 5"), std::string::npos);
}

TEST(Reader, NamesFileAndOffsetOfDamage) {
  std::string bytes = build_table({{"a", std::string(5'000, 'x')}, {"b", "2"}}, {});
  const auto table = opened(bytes);
  const std::uint64_t offset = table->block_info(1)->offset;
  bytes[offset + 2] ^= 1;
  EXPECT_EQ(table->get("a")->value.size(), 5'000u);
  const Status status = opened(bytes)->get("b").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("t.sst at " + std::to_string(offset)), std::string::npos);
}

TEST(Reader, ChecksABlockOnlyOnceButVerifiesItAgain) {
  std::string bytes = build_table({{"a", "1"}, {"b", "2"}}, {});
  const auto table = opened(bytes);
  ASSERT_EQ(table->get("a")->value, "1");
  const std::size_t value_of_b = bytes.find("b2") + 1;
  bytes[value_of_b] = '3';
  EXPECT_EQ(table->get("b")->value, "3");  // proven before
  EXPECT_EQ(table->verify().status().code(), StatusCode::kCorruption);
}

TEST(Reader, SaysAboutWhereAKeyIs) {
  Model model;
  for (int i = 1'000; i < 9'000; ++i) model[std::to_string(i)] = std::string(50, 'v');
  const std::string bytes = build_table(model, {});
  const auto table = opened(bytes);
  const auto size = static_cast<double>(bytes.size());
  EXPECT_EQ(table->offset_of("").value(), 0u);
  EXPECT_NEAR(static_cast<double>(table->offset_of("5000").value()), size / 2, size / 10);
  EXPECT_NEAR(static_cast<double>(table->offset_of("9").value()), size, size / 10);
}

TEST(Reader, VerifiesAndCounts) {
  std::mt19937_64 random(random_seed());
  const Model model = random_model(random, 3'000, 20, 50);
  const std::string bytes = build_table(model, {.block_size = 1'000});
  const auto table = opened(bytes);
  const Result<VerifiedCounts> counts = table->verify();
  ASSERT_TRUE(counts) << counts.status().to_string();
  EXPECT_EQ(counts->entries, model.size());
  EXPECT_EQ(counts->blocks, table->properties().blocks);
  EXPECT_GT(counts->blocks, 20u);
}

}  // namespace
}  // namespace tidelock::table
