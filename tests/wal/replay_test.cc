#include "wal/replay.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::Collected;
using test::LogImage;

using Texts = std::vector<std::string>;

class ReplayTest : public testing::Test {
 protected:
  // Replays, and yields what was passed on; `status_` and `result_` say the rest. A payload is any
  // text: replay does not look into it.
  Texts replay_all(const std::vector<const LogImage*>& images) {
    std::vector<Log> logs;
    for (const LogImage* image : images) logs.push_back(image->log());
    Collected collected;
    Result<Replayed> replayed = replay(logs, request_, collected.callback());
    status_ = replayed.status();
    result_ = replayed ? *replayed : Replayed{};
    return collected.records;
  }
  [[nodiscard]] bool says(const std::string& text) const {
    return status_.message().find(text) != std::string::npos;
  }

  ReplayRequest request_{.uuid = test::kUuid, .oldest = 1, .oldest_name = "log 1"};
  LogImage first_{test::first_header()};
  Status status_;
  Replayed result_;
};

TEST_F(ReplayTest, OfNoLogEndsWhereTheManifestSaysTheOldestBegins) {
  request_.start = {.lsn = 800, .last_sequence = 5, .chain = 0};
  EXPECT_EQ(replay_all({}), Texts{});
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.end, request_.start);
  EXPECT_TRUE(result_.logs.empty());
}

TEST_F(ReplayTest, PassesOnTheRecordsOfOneLog) {
  first_.add("one");
  first_.add("two");
  EXPECT_EQ(replay_all({&first_}), (Texts{"1: one", "1: two"}));
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.end, first_.end);
  EXPECT_EQ(result_.records, 2u);
  EXPECT_EQ(result_.logs, std::vector<std::uint64_t>{1});
  EXPECT_EQ(result_.salt, first_.header.salt);
  EXPECT_EQ(result_.stop, Stop::kCleanEnd);
}

TEST_F(ReplayTest, FollowsLogsThatContinueEachOther) {
  first_.add("one");
  LogImage second(first_.next_header(4));
  second.add("two");
  LogImage third(second.next_header(5));
  third.add("three");
  EXPECT_EQ(replay_all({&first_, &second, &third}), (Texts{"1: one", "4: two", "5: three"}));
  EXPECT_EQ(result_.end, third.end);
  EXPECT_EQ(result_.logs, (std::vector<std::uint64_t>{1, 4, 5}));
}

TEST_F(ReplayTest, FollowsALogWithoutRecordsToOneThatHasSome) {
  first_.add("one");
  const LogImage second(first_.next_header(2));
  LogImage third(second.next_header(3));
  third.add("three");
  EXPECT_EQ(replay_all({&first_, &second, &third}), (Texts{"1: one", "3: three"}));
}

TEST_F(ReplayTest, PassesOverLogsOlderThanTheOldestNeeded) {
  first_.add("one");
  LogImage second(first_.next_header(2));
  second.add("two");
  request_.oldest = 2;
  request_.start = first_.end;
  EXPECT_EQ(replay_all({&first_, &second}), (Texts{"2: two"}));
}

TEST_F(ReplayTest, StopsWhereALogIsMissing) {
  first_.add("one");
  LogImage second(first_.next_header(2));
  second.add("two");
  LogImage third(second.next_header(3));
  third.add("three");
  EXPECT_EQ(replay_all({&first_, &third}), (Texts{"1: one"}));
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.end, first_.end);
}

TEST_F(ReplayTest, IgnoresTheHeaderOfARollThatDiedBeforeItWasPublished) {
  first_.add("one");
  const LogImage prepared(first_.next_header(2));
  first_.add("two");
  EXPECT_EQ(replay_all({&first_, &prepared}), (Texts{"1: one", "1: two"}));
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.logs, std::vector<std::uint64_t>{1});
}

TEST_F(ReplayTest, IgnoresZeroedForeignNumberedAndHalfWrittenHeaders) {
  first_.add("one");
  LogImage zero(first_.next_header(2));
  std::fill(zero.bytes.begin(), zero.bytes.end(), std::byte{});
  LogImage renamed(first_.next_header(3));
  renamed.add("stale");
  renamed.header.number = 4;
  LogImage half(first_.next_header(5));
  std::fill_n(half.bytes.begin() + 40, kHeaderSize - 40, std::byte{});
  EXPECT_EQ(replay_all({&first_, &zero, &renamed, &half}), (Texts{"1: one"}));
  EXPECT_TRUE(status_.ok());
}

// The dead writer's record is whole, and lies where the next log begins.
TEST_F(ReplayTest, EndsALogWhereItsSuccessorBeginsEvenIfADeadWriterLeftARecordBehind) {
  first_.add("one");
  LogImage second(first_.next_header(2));
  second.add("two");
  first_.add("never committed");
  EXPECT_EQ(replay_all({&first_, &second}), (Texts{"1: one", "2: two"}));
  EXPECT_TRUE(status_.ok());
}

TEST_F(ReplayTest, TakesUpAWholeRecordThatNobodyCommittedAtTheVeryEnd) {
  first_.add("one");
  const LogImage second(first_.next_header(2));
  first_.add("copied, not committed");
  EXPECT_EQ(replay_all({&first_, &second}), (Texts{"1: one", "1: copied, not committed"}));
}

// Recovery after a power cut begins a log at the point it recovered, although another continued
// the lost tail.
TEST_F(ReplayTest, FollowsTheLogThatContinuesWhatIsLeftNotTheOneThatContinuedWhatWasLost) {
  first_.add("one");
  LogImage recovered(first_.next_header(3));
  const Position lost = first_.add("lost");
  LogImage lost_next(first_.next_header(2));
  lost_next.add("lost too");
  *first_.at(lost.lsn) ^= std::byte{1};
  recovered.add("after the cut");
  EXPECT_EQ(replay_all({&first_, &lost_next, &recovered}), (Texts{"1: one", "3: after the cut"}));
  EXPECT_TRUE(status_.ok());
}

// It continued another record of the same size at this place.
TEST_F(ReplayTest, DoesNotFollowALogThatNamesAnotherChainValue) {
  first_.add("one");
  LogHeader other = first_.next_header(2);
  other.predecessor_chain ^= 1;
  LogImage second(other);
  second.add("two");
  EXPECT_EQ(replay_all({&first_, &second}), Texts{"1: one"});
  EXPECT_TRUE(status_.ok());
}

TEST_F(ReplayTest, ABadRecordBelowNothingDurableEndsIt) {
  first_.add("one");
  const Position torn = first_.add("two");
  first_.add("three");
  *first_.at(torn.lsn + sizeof(RecordHeader)) ^= std::byte{1};
  EXPECT_EQ(replay_all({&first_}), Texts{"1: one"});
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.stop, Stop::kBadChain);
}

TEST_F(ReplayTest, ABadRecordBelowAPositionOnceDurableIsCorruption) {
  const Position damaged = first_.add("one");
  const Position later = first_.add("two", first_.end.lsn);
  *first_.at(damaged.lsn + sizeof(RecordHeader)) ^= std::byte{1};
  replay_all({&first_});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
  EXPECT_TRUE(says("1.wal at 4096")) << status_.message();
  EXPECT_TRUE(says("position " + std::to_string(later.lsn) + " was once durable"));
}

TEST_F(ReplayTest, WhatALaterLogSaysWasDurableCountsToo) {
  const Position damaged = first_.add("one");
  LogImage second(first_.next_header(2));
  second.add("two", second.end.lsn);
  *first_.at(damaged.lsn) ^= std::byte{1};
  replay_all({&first_, &second});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
}

TEST_F(ReplayTest, RecordsBehindALostHeaderSayWhatWasDurable) {
  first_.add("one");
  first_.add("two", first_.end.lsn);
  for (const bool zeroed : {true, false}) {
    LogImage lost = first_;
    if (zeroed) {
      std::fill_n(lost.bytes.begin(), kHeaderSize, std::byte{});
    } else {
      lost.bytes[20] ^= std::byte{1};
    }
    replay_all({&lost});
    EXPECT_EQ(status_.code(), StatusCode::kCorruption);
    EXPECT_TRUE(says("log 1")) << status_.message();
  }
}

TEST_F(ReplayTest, AMissingLogIsCorruptionOnceItWasDurable) {
  first_.add("one");
  LogImage second(first_.next_header(2));
  second.add("two", second.end.lsn);
  replay_all({&second});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
}

TEST_F(ReplayTest, RecordsThatBeginElsewhereThanTheManifestSaysAreCorruption) {
  first_.add("one");
  request_.start.lsn = 8;
  replay_all({&first_});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
  request_.start = {.lsn = 0, .last_sequence = 1, .chain = 0};
  replay_all({&first_});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
}

TEST_F(ReplayTest, AStaleHeaderOfTheOldestLogIsAnEmptyLog) {
  request_.start = {.lsn = 64, .last_sequence = 3, .chain = 1};
  EXPECT_EQ(replay_all({&first_}), Texts{});
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.end, request_.start);
}

TEST_F(ReplayTest, PassesASealAndGoesOn) {
  first_.add("one");
  request_.seal = first_.seal();
  first_.add("two");
  EXPECT_EQ(replay_all({&first_}), (Texts{"1: one", "1: two"}));
  EXPECT_TRUE(status_.ok());
}

TEST_F(ReplayTest, FollowsALogThatIsSealedThoughEmpty) {
  first_.add("one");
  const LogImage second(first_.next_header(2));
  request_.seal = second.seal();
  first_.add("never committed");
  EXPECT_EQ(replay_all({&first_, &second}), Texts{"1: one"});
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(result_.logs, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(ReplayTest, NotReachingTheSealIsCorruption) {
  first_.add("one");
  const Position second = first_.add("two");
  request_.seal = first_.seal();
  LogImage cut = first_;
  std::fill(cut.bytes.begin() + static_cast<long>(kHeaderSize + second.lsn), cut.bytes.end(),
            std::byte{});
  replay_all({&cut});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
  EXPECT_TRUE(says("1.wal at " + std::to_string(kHeaderSize + second.lsn))) << status_.message();
  EXPECT_TRUE(says("sealed at position " + std::to_string(first_.end.lsn)));
  replay_all({});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
}

TEST_F(ReplayTest, PassingTheSealWithAnotherChainIsCorruption) {
  first_.add("one");
  request_.seal = first_.seal();
  request_.seal->chain ^= 1;
  first_.add("two");
  replay_all({&first_});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
}

TEST_F(ReplayTest, ASealOfALogNoLongerNeededIsPassedOver) {
  first_.add("one");
  request_.seal = first_.seal();
  LogImage second(first_.next_header(2));
  second.add("two");
  request_.oldest = 2;
  request_.start = first_.end;
  EXPECT_EQ(replay_all({&second}), Texts{"2: two"});
  EXPECT_TRUE(status_.ok());
}

TEST_F(ReplayTest, ALogOfAnotherDatabaseIsCorruption) {
  first_.add("one");
  LogHeader foreign_header = first_.next_header(2);
  foreign_header.uuid[0] ^= 1;
  const LogImage foreign(foreign_header);
  replay_all({&first_, &foreign});
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
  EXPECT_TRUE(says("2.wal") && says("another database")) << status_.message();
}

TEST_F(ReplayTest, ALogOfANewerFormatIsUnsupported) {
  EncodedLogHeader newer = encode(first_.header);
  newer.version = 9;
  newer.checksum = checksum_of(newer);
  std::memcpy(first_.bytes.data(), &newer, sizeof(newer));
  replay_all({&first_});
  EXPECT_EQ(status_.code(), StatusCode::kUnsupported);
}

TEST_F(ReplayTest, NumbersThatDoNotAscendAreRefused) {
  replay_all({&first_, &first_});
  EXPECT_EQ(status_.code(), StatusCode::kInvalid);
}

TEST_F(ReplayTest, AnErrorOfTheCallbackEndsIt) {
  first_.add("one");
  first_.add("two");
  int calls = 0;
  const Log log = first_.log();
  const Result<Replayed> replayed = replay({&log, 1}, request_, [&](std::uint64_t, const Record&) {
    ++calls;
    return Status(StatusCode::kNoSpace, "arena is full");
  });
  EXPECT_EQ(replayed.status().code(), StatusCode::kNoSpace);
  EXPECT_EQ(calls, 1);
}

// The same file under another number and salt, its old records still in it and in their places.
TEST_F(ReplayTest, NothingOfARecycledFilesEarlierLifeParses) {
  first_.add("old one");
  first_.add("old two");
  LogHeader header = test::first_header();
  header.salt = 0x5a18;
  LogImage recycled(header);
  std::copy(first_.bytes.begin() + kHeaderSize, first_.bytes.end(),
            recycled.bytes.begin() + kHeaderSize);
  EXPECT_EQ(replay_all({&recycled}), Texts{});
  recycled.add("new one");
  EXPECT_EQ(replay_all({&recycled}), Texts{"1: new one"});
  EXPECT_TRUE(status_.ok());
}

}  // namespace
}  // namespace tidelock::wal
