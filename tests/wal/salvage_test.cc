#include "wal/salvage.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::kUuid;
using test::LogImage;
using test::put_payload;

using Texts = std::vector<std::string>;

// A log of three records, and the next one's begin behind it.
class SalvageTest : public testing::Test {
 protected:
  SalvageTest() {
    for (const std::string& payload : payloads_) begins_.push_back(log_.add(payload));
  }
  [[nodiscard]] SalvagedLog salvaged(std::optional<LogLimit> limit = {}) const {
    return salvage(log_.log(), kUuid, limit);
  }
  [[nodiscard]] static LogLimit limit_at(const Position& position) {
    return {position.lsn, position.last_sequence};
  }
  static Texts texts(const SalvagedLog& log) {
    Texts found;
    for (const Record& record : log.records) found.push_back(test::text_of(record.payload));
    return found;
  }
  [[nodiscard]] std::uint64_t offset(std::size_t record) const {
    return kHeaderSize + begins_[record].lsn;
  }
  void damage(std::uint64_t lsn) { *log_.at(lsn) ^= std::byte{1}; }

  const Texts payloads_{put_payload("a", "1"), put_payload("b", "2"), put_payload("c", "3")};
  LogImage log_{test::first_header()};
  std::vector<Position> begins_;
};

TEST_F(SalvageTest, TakesAllOfASoundLog) {
  const SalvagedLog log = salvaged();
  EXPECT_TRUE(log.header_sound);
  EXPECT_EQ(texts(log), payloads_);
  EXPECT_TRUE(log.gaps.empty());
  EXPECT_EQ(log.end_lsn, log_.end.lsn);
}

TEST_F(SalvageTest, LosesADamagedRecordAndNoOther) {
  damage(begins_[1].lsn + sizeof(RecordHeader));
  const SalvagedLog log = salvaged();
  EXPECT_EQ(texts(log), (Texts{payloads_[0], payloads_[2]}));
  ASSERT_EQ(log.gaps.size(), 1u);
  EXPECT_EQ(log.gaps[0].from, offset(1));
  EXPECT_EQ(log.gaps[0].to, offset(2));
  EXPECT_EQ(log.gaps[0].after, 1u);
  EXPECT_EQ(log.gaps[0].before, 3u);
}

TEST_F(SalvageTest, TellsNeighboursThatAreLostAsOneGap) {
  damage(begins_[0].lsn + sizeof(RecordHeader));
  damage(begins_[1].lsn);
  const SalvagedLog log = salvaged();
  EXPECT_EQ(texts(log), Texts{payloads_[2]});
  ASSERT_EQ(log.gaps.size(), 1u);
  EXPECT_EQ(log.gaps[0].from, offset(0));
  EXPECT_EQ(log.gaps[0].to, offset(2));
}

TEST_F(SalvageTest, TakesNothingFromBehindTheLimit) {
  const SalvagedLog log = salvaged(limit_at(begins_[2]));
  EXPECT_EQ(texts(log), (Texts{payloads_[0], payloads_[1]}));
  EXPECT_TRUE(log.gaps.empty());
  EXPECT_EQ(log.end_lsn, begins_[2].lsn);
}

TEST_F(SalvageTest, MissesWhatIsNotThereUpToTheLimit) {
  const LogLimit limit{log_.end.lsn + 64, log_.end.last_sequence + 2};
  const SalvagedLog log = salvaged(limit);
  EXPECT_EQ(texts(log), payloads_);
  ASSERT_EQ(log.gaps.size(), 1u);
  EXPECT_EQ(log.gaps[0].from, kHeaderSize + log_.end.lsn);
  EXPECT_EQ(log.gaps[0].to, kHeaderSize + limit.lsn);
  EXPECT_EQ(log.gaps[0].after, log_.end.last_sequence);
  EXPECT_EQ(log.gaps[0].before, limit.last_sequence + 1);
}

// The salt is believed; number and position come from the file's name and the records.
TEST_F(SalvageTest, GuessesADamagedHeaderFromTheRecords) {
  const auto base_lsn = log_.bytes.begin() + offsetof(EncodedLogHeader, base_lsn);
  *base_lsn ^= std::byte{0xff};
  const SalvagedLog log = salvaged();
  EXPECT_FALSE(log.header_sound);
  EXPECT_EQ(texts(log), payloads_);
  EXPECT_EQ(log.header->base_lsn, 0u);
  EXPECT_EQ(log.header->base_sequence, 0u);
}

TEST_F(SalvageTest, OfAnotherDatabasesLogTakesNothing) {
  const SalvagedLog log = salvage(log_.log(), {1, 2}, {});
  EXPECT_FALSE(log.header_sound);
  EXPECT_TRUE(log.records.empty());
  EXPECT_TRUE(log.gaps.empty()) << "nothing says that there were any";
}

}  // namespace
}  // namespace tidelock::wal
