#include "wal/writer.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/crash_point.h"
#include "os/system_call.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::Collected;
using test::LogImage;
using test::put_payload;
using tidelock::test::ChildProcess;
using tidelock::test::killed_by;
using tidelock::test::TemporaryDirectory;

constexpr std::uint64_t kLogSize = 256 << 10;

class WriterTest : public testing::TestWithParam<Via> {
 protected:
  [[nodiscard]] std::string path(std::uint64_t number) const {
    return directory_.file(std::to_string(number) + ".wal");
  }
  static std::optional<os::Mapping> mapping_of(const os::File& file, std::uint64_t size) {
    if (GetParam() == Via::kWrite) return std::nullopt;
    return std::move(os::Mapping::map(file, size, os::Protection::kReadWrite)).value();
  }
  [[nodiscard]] os::File prepare(std::uint64_t number, std::uint64_t size = kLogSize) const {
    os::File file = std::move(os::File::create(path(number), {})).value();
    EXPECT_TRUE(file.allocate(size).ok());
    return file;
  }
  [[nodiscard]] LogFile begin(const LogHeader& header, std::uint64_t size = kLogSize) const {
    os::File file = prepare(header.number, size);
    std::optional<os::Mapping> mapping = mapping_of(file, size);
    return std::move(LogFile::begin(std::move(file), std::move(mapping), header)).value();
  }
  [[nodiscard]] LogFile open(std::uint64_t number) const {
    os::File file = std::move(os::File::open(path(number), os::FileAccess::kReadWrite)).value();
    std::optional<os::Mapping> mapping = mapping_of(file, *file.size());
    return std::move(LogFile::open(std::move(file), std::move(mapping), number, test::kUuid))
        .value();
  }
  [[nodiscard]] std::vector<std::byte> file_bytes(std::uint64_t number) const {
    const os::File file = std::move(os::File::open(path(number), os::FileAccess::kRead)).value();
    const LogBytes log = std::move(LogBytes::load(file)).value();
    return {log.bytes().begin(), log.bytes().end()};
  }
  // What recovery finds in logs 1 to `last`.
  [[nodiscard]] std::vector<std::string> replayed(std::uint64_t last = 1) const {
    std::vector<std::vector<std::byte>> files;
    std::vector<Log> logs;
    for (std::uint64_t number = 1; number <= last; ++number) files.push_back(file_bytes(number));
    for (std::uint64_t number = 1; number <= last; ++number) {
      logs.push_back({.number = number, .name = path(number), .bytes = files[number - 1]});
    }
    Collected collected;
    const ReplayRequest request{.uuid = test::kUuid, .oldest = 1};
    EXPECT_TRUE(replay(logs, request, collected.callback()));
    return collected.records;
  }
  Position put(LogFile& log, const Position& end, std::string_view key, std::string_view value) {
    return *append(log, end, Operation{.key = key, .value = value}, options());
  }
  [[nodiscard]] static AppendOptions options(std::uint64_t durable_lsn = 0) {
    return {.durable_lsn = durable_lsn, .via = GetParam()};
  }

  TemporaryDirectory directory_;
};

TEST_P(WriterTest, WritesTheBytesOfTheFormat) {
  LogFile log = begin(test::first_header());
  LogImage image(test::first_header(), kLogSize - kHeaderSize);
  Position end = start_of(log.header());
  for (const std::size_t size : {0, 1, 2, 7, 8, 100, 1000, 60'000, 70'000, 70'001}) {
    const std::string value(size, 'v');
    end = *append(log, end, Operation{.key = "key", .value = value}, options(end.lsn));
    image.add(put_payload("key", value), image.end.lsn);
    ASSERT_EQ(end, image.end) << size;
  }
  EXPECT_EQ(file_bytes(1), image.bytes);
}

TEST_P(WriterTest, WritesABatchAsOneRecord) {
  LogFile log = begin(test::first_header());
  LogImage image(test::first_header(), kLogSize - kHeaderSize);
  Position end = start_of(log.header());
  for (const std::size_t size : {5, 50'000, 100'000}) {
    const std::string payload = put_payload("a", "1") + put_payload("b", std::string(size, '2'));
    end = *append(log, end, EncodedOperations{test::bytes_of(payload), 2}, options());
    image.add(payload, 0, 2);
  }
  EXPECT_EQ(end, image.end);
  EXPECT_EQ(end.last_sequence, 6u);
  EXPECT_EQ(file_bytes(1), image.bytes);
}

TEST_P(WriterTest, WritesErases) {
  LogFile log = begin(test::first_header());
  const Operation erase{.kind = OperationKind::kErase, .key = "gone"};
  ASSERT_TRUE(append(log, start_of(log.header()), erase, options()));
  std::string payload;
  append_operation(payload, erase);
  EXPECT_EQ(replayed(), std::vector<std::string>{"1: " + payload});
}

TEST_P(WriterTest, ReplaysLogsThatWereRolled) {
  LogFile first = begin(test::first_header());
  const Position end = put(first, start_of(first.header()), "a", "1");
  LogFile second = begin({.number = 2,
                          .base_lsn = end.lsn,
                          .base_sequence = end.last_sequence,
                          .salt = 99,
                          .predecessor = 1,
                          .predecessor_chain = end.chain,
                          .uuid = test::kUuid});
  put(second, start_of(second.header()), "b", "2");
  EXPECT_EQ(replayed(2), (std::vector<std::string>{"1: " + put_payload("a", "1"),
                                                   "2: " + put_payload("b", "2")}));
}

TEST_P(WriterTest, GoesOnWhereAnotherProcessEnded) {
  const LogFile begun = begin(test::first_header());
  Position end = start_of(begun.header());
  for (const std::string value : {"1", "2", "3"}) {
    // What the child tells is what the shared state would hold.
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    ChildProcess child([&] {
      LogFile log = open(1);
      const Position behind = put(log, end, "key", value);
      return ::write(pipe[1], &behind, sizeof(behind)) == sizeof(behind) ? 0 : 1;
    });
    ASSERT_EQ(::read(pipe[0], &end, sizeof(end)), static_cast<ssize_t>(sizeof(end)));
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  EXPECT_EQ(replayed().size(), 3u);
  EXPECT_EQ(end.last_sequence, 3u);
}

TEST_P(WriterTest, FillsALogToItsLastByteAndNoFurther) {
  const std::uint64_t room = 3 * record_size(put_payload("key", "v").size());
  LogFile log = begin(test::first_header(), kHeaderSize + room);
  Position end = start_of(log.header());
  const std::uint64_t payload_size = put_payload("key", "v").size();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(log.fits(end.lsn, payload_size));
    end = put(log, end, "key", "v");
  }
  EXPECT_FALSE(log.fits(end.lsn, payload_size));
  const auto refused = append(log, end, Operation{.key = "key", .value = "v"}, options());
  EXPECT_EQ(refused.status().code(), StatusCode::kLimit);
  EXPECT_EQ(replayed().size(), 3u);
}

TEST_P(WriterTest, RefusesPositionsThatAreNotTheLogs) {
  LogHeader header = test::first_header();
  header.base_lsn = 800;
  header.base_sequence = 5;
  LogFile log = begin(header);
  const Position start = start_of(header);
  const auto code = [&](Position end, std::uint64_t durable_lsn) {
    return append(log, end, Operation{.key = "k"}, options(durable_lsn)).status().code();
  };
  EXPECT_EQ(code({792, 5, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code({804, 5, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code({800, 4, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code({800, ~std::uint64_t{0}, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code({800 + kLogSize, 5, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code({~std::uint64_t{7}, 5, start.chain}, 0), StatusCode::kCorruption);
  EXPECT_EQ(code(start, 801), StatusCode::kCorruption);
  EXPECT_EQ(code(start, 800), StatusCode::kOk);
}

TEST_P(WriterTest, RefusesRecordsWithoutOperationsAndTooLargeOnes) {
  LogFile log = begin(test::first_header());
  const Position start = start_of(log.header());
  EXPECT_EQ(append(log, start, EncodedOperations{}, options()).status().code(),
            StatusCode::kInvalid);
  const std::byte one{};
  // Never read: its size alone is refused.
  const EncodedOperations huge{std::span(&one, kPayloadSizeMax + 1), 1};
  EXPECT_EQ(append(log, start, huge, options()).status().code(), StatusCode::kTooLarge);
}

TEST_P(WriterTest, StaleBytesBehindAShorterRecordNeverParse) {
  LogFile log = begin(test::first_header());
  const Position start = start_of(log.header());
  const Position one = put(log, start, "one", "1");
  // The dead writer's payload holds a whole record, made for just the place behind ours.
  LogImage image(test::first_header(), kLogSize - kHeaderSize);
  image.add(put_payload("one", "1"));
  image.add(put_payload("two", "2"));
  const Position fake_begin = image.add(put_payload("fake", "f"));
  std::string value(
      fake_begin.lsn - one.lsn - sizeof(RecordHeader) -
          OperationFrame({.key = "x", .value = std::string(200, 'x')}).opening().size() - 1 - 2,
      'x');
  value += test::text_of({image.at(fake_begin.lsn), image.end.lsn - fake_begin.lsn});
  value.resize(200, 'x');
  put(log, one, "x", value);
  const std::vector<std::byte> with_dead = file_bytes(1);
  ASSERT_EQ(std::memcmp(with_dead.data() + log.offset_of(fake_begin.lsn), image.at(fake_begin.lsn),
                        sizeof(RecordHeader)),
            0);
  // Overwritten by a shorter record with other contents than the forged chain expects.
  put(log, one, "two", "!");
  EXPECT_EQ(replayed(), (std::vector<std::string>{"1: " + put_payload("one", "1"),
                                                  "1: " + put_payload("two", "!")}));
}

TEST_P(WriterTest, ARecycledFileHoldsNothingOfItsEarlierLife) {
  {
    LogFile log = begin(test::first_header());
    put(log, put(log, start_of(log.header()), "a", "1"), "b", "2");
  }
  LogHeader header = test::first_header();
  header.salt = 0xdead;
  os::File file = std::move(os::File::open(path(1), os::FileAccess::kReadWrite)).value();
  std::optional<os::Mapping> mapping = mapping_of(file, kLogSize);
  LogFile log = std::move(LogFile::begin(std::move(file), std::move(mapping), header)).value();
  EXPECT_EQ(replayed(), std::vector<std::string>{});
  put(log, start_of(header), "c", "3");
  EXPECT_EQ(replayed(), std::vector<std::string>{"1: " + put_payload("c", "3")});
}

// Writers killed at each named point while they append their third record, through either way.
TEST_P(WriterTest, AWriterKilledInAnAppendLeavesWhatWasThereOrOneRecordMore) {
  for (const std::size_t size : {100, 70'000}) {
    for (const auto& [point, whole] :
         {std::pair("wal.record_half", false), std::pair("wal.record_copied", true)}) {
      const LogFile begun = begin(test::first_header());
      ChildProcess child([&] {
        LogFile log = open(1);
        os::arm_crash_point(point, 3, SIGKILL);
        Position end = start_of(log.header());
        for (int i = 0; i < 5; ++i) end = put(log, end, std::to_string(i), std::string(size, 'v'));
        return 0;
      });
      ASSERT_TRUE(killed_by(child.wait(), SIGKILL)) << point;
      EXPECT_EQ(replayed().size(), whole ? 3u : 2u) << point;
      // The next writer goes on behind the second record, whatever lies there.
      LogFile log = open(1);
      LogImage image(test::first_header(), kLogSize - kHeaderSize);
      image.add(put_payload("0", std::string(size, 'v')));
      image.add(put_payload("1", std::string(size, 'v')));
      put(log, image.end, "next", "n");
      EXPECT_EQ(replayed().size(), 3u);
      EXPECT_EQ(replayed().back(), "1: " + put_payload("next", "n"));
      std::filesystem::remove(path(1));
    }
  }
}

TEST_P(WriterTest, ARollKilledBeforeItsPublicationLeavesTheLogBeforeItLive) {
  LogFile first = begin(test::first_header());
  const Position end = put(first, start_of(first.header()), "a", "1");
  ChildProcess child([&] {
    os::arm_crash_point("wal.header_written", 1, SIGKILL);
    const LogFile second = begin({.number = 2,
                                  .base_lsn = end.lsn,
                                  .base_sequence = end.last_sequence,
                                  .salt = 99,
                                  .predecessor = 1,
                                  .predecessor_chain = end.chain,
                                  .uuid = test::kUuid});
    return 0;
  });
  ASSERT_TRUE(killed_by(child.wait(), SIGKILL));
  put(first, end, "b", "2");
  EXPECT_EQ(replayed(2), (std::vector<std::string>{"1: " + put_payload("a", "1"),
                                                   "1: " + put_payload("b", "2")}));
}

TEST_P(WriterTest, ReadsACopyOfWhatLiesBetweenTwoPositions) {
  LogFile log = begin(test::first_header());
  const Position one = put(log, start_of(log.header()), "a", "1");
  const Position two = put(log, put(log, one, "b", "2"), "c", "3");
  const std::vector<std::byte> bytes = *log.read(one.lsn, two.lsn);
  RecordReader reader(bytes, one, test::kUuid);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(test::text_of(reader.record().payload), put_payload("b", "2"));
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.position(), two);
  EXPECT_EQ(log.read(two.lsn, one.lsn).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(log.read(0, kLogSize).status().code(), StatusCode::kCorruption);
}

INSTANTIATE_TEST_SUITE_P(Wal, WriterTest, testing::Values(Via::kMapping, Via::kWrite),
                         [](const auto& kind) {
                           return kind.param == Via::kMapping ? "ThroughTheMapping"
                                                              : "ByWriteCalls";
                         });

TEST(LogFile, ThatIsTooShortForeignOrNotBegunIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("1.wal");
  const auto open = [&](std::uint64_t number, const Uuid& uuid) {
    os::File file = std::move(os::File::open(path, os::FileAccess::kReadWrite)).value();
    return LogFile::open(std::move(file), std::nullopt, number, uuid).status().code();
  };
  os::File file = std::move(os::File::create(path, {})).value();
  EXPECT_EQ(open(1, test::kUuid), StatusCode::kCorruption);
  ASSERT_TRUE(file.allocate(8192).ok());
  EXPECT_EQ(open(1, test::kUuid), StatusCode::kCorruption);
  ASSERT_TRUE(LogFile::begin(std::move(file), std::nullopt, test::first_header()));
  EXPECT_EQ(open(1, test::kUuid), StatusCode::kOk);
  EXPECT_EQ(open(2, test::kUuid), StatusCode::kCorruption);
  EXPECT_EQ(open(1, {}), StatusCode::kCorruption);
}

TEST(LogFile, IsMappedAsAWholeOrNotAtAll) {
  const TemporaryDirectory directory;
  os::File file = std::move(os::File::create(directory.file("1.wal"), {})).value();
  ASSERT_TRUE(file.allocate(8192).ok());
  os::Mapping half = std::move(os::Mapping::map(file, 4096, os::Protection::kReadWrite)).value();
  EXPECT_EQ(LogFile::begin(std::move(file), std::move(half), test::first_header()).status().code(),
            StatusCode::kInvalid);
}

// No memory is asked for on the word of a length.
TEST(LogFile, ThatIsLongerThanAnyLogIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("1.wal");
  os::File file = std::move(os::File::create(path, {})).value();
  std::filesystem::resize_file(path, std::uint64_t{1} << 40);
  EXPECT_EQ(LogBytes::load(file).status().code(), StatusCode::kCorruption);
  EXPECT_EQ(LogFile::open(std::move(file), std::nullopt, 1, test::kUuid).status().code(),
            StatusCode::kCorruption);
}

// Fails one write call in the middle of a record.
class NoSpaceHook : public os::SystemCallHook {
 public:
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (event.call != os::SystemCall::kWrite) return {};
    if (++writes_ == 1) return {.error = 0, .length_max = 30};
    return {.error = writes_ == 2 ? ENOSPC : 0};
  }
  void after(const os::SystemCallEvent&) override {}

 private:
  int writes_ = 0;
};

TEST(Append, ThatFailsInTheMiddleLeavesTheEndWhereItWas) {
  const TemporaryDirectory directory;
  os::File file = std::move(os::File::create(directory.file("1.wal"), {})).value();
  ASSERT_TRUE(file.allocate(kLogSize).ok());
  LogFile log =
      std::move(LogFile::begin(std::move(file), std::nullopt, test::first_header())).value();
  const Position start = start_of(log.header());
  const Operation operation{.key = "key", .value = "value"};
  NoSpaceHook hook;
  os::set_system_call_hook(&hook);
  const Result<Position> failed = append(log, start, operation, {});
  os::set_system_call_hook(nullptr);
  EXPECT_EQ(failed.status().code(), StatusCode::kNoSpace);
  const Result<Position> again = append(log, start, operation, {});
  ASSERT_TRUE(again);
  const std::vector<std::byte> bytes = *log.read(0, again->lsn);
  RecordReader reader(bytes, start, test::kUuid);
  EXPECT_TRUE(reader.next());
  EXPECT_EQ(reader.position(), *again);
}

}  // namespace
}  // namespace tidelock::wal
