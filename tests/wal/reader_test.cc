#include "wal/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::LogImage;
using test::put_payload;

class RecordReaderTest : public testing::Test {
 protected:
  [[nodiscard]] std::span<const std::byte> records() const {
    return std::span(log_.bytes).subspan(kHeaderSize);
  }
  [[nodiscard]] RecordReader reader() const {
    return {records(), start_of(log_.header), log_.header.uuid};
  }
  // How many records are read, and what stops the reader.
  [[nodiscard]] std::pair<int, Stop> read() const {
    RecordReader all = reader();
    int count = 0;
    while (all.next()) ++count;
    return {count, all.stop()};
  }
  void flip(std::uint64_t lsn) { *log_.at(lsn) ^= std::byte{1}; }

  LogImage log_{{.number = 3,
                 .base_lsn = 4096,
                 .base_sequence = 9,
                 .salt = 1,
                 .predecessor = 2,
                 .predecessor_chain = 5,
                 .uuid = test::kUuid}};
};

TEST_F(RecordReaderTest, YieldsRecordsInOrderWithTheirPositions) {
  const Position begin = log_.end;
  log_.add(put_payload("a", "1") + put_payload("b", "2"), 17, 2);
  log_.add(put_payload("c", "3"), 4096);
  RecordReader all = reader();
  ASSERT_TRUE(all.next());
  EXPECT_EQ(all.record().lsn, begin.lsn);
  EXPECT_EQ(all.record().first_sequence, 10u);
  EXPECT_EQ(all.record().operations, 2u);
  EXPECT_EQ(all.record().durable_lsn, 17u);
  ASSERT_TRUE(all.next());
  EXPECT_EQ(all.record().first_sequence, 12u);
  EXPECT_EQ(test::text_of(all.record().payload), put_payload("c", "3"));
  EXPECT_EQ(all.record().end, log_.end);
  EXPECT_FALSE(all.next());
  EXPECT_EQ(all.position(), log_.end);
  EXPECT_EQ(all.stop(), Stop::kCleanEnd);
  EXPECT_FALSE(all.next());
}

TEST_F(RecordReaderTest, GoesOnFromAnyPosition) {
  log_.add(put_payload("a", "1"));
  const Position second = log_.add(put_payload("b", "2"));
  RecordReader rest(std::span(log_.bytes).subspan(kHeaderSize + second.lsn - 4096), second,
                    log_.header.uuid);
  ASSERT_TRUE(rest.next());
  EXPECT_EQ(rest.record().end, log_.end);
}

// The rest of the record lies there, where nobody may look for it.
TEST_F(RecordReaderTest, ReadsNothingBehindTheEndOfTheBytes) {
  log_.add(put_payload("a", std::string(100, '1')));
  const std::uint64_t whole = log_.end.lsn - log_.header.base_lsn;
  for (std::uint64_t size = 1; size < whole; ++size) {
    RecordReader cut(records().first(size), start_of(log_.header), log_.header.uuid);
    EXPECT_FALSE(cut.next()) << size << " of " << whole << " bytes";
    EXPECT_EQ(cut.stop(), Stop::kTornTail);
  }
}

TEST_F(RecordReaderTest, StopsCleanlyAtZeroesAndAtTheEndOfTheBytes) {
  EXPECT_EQ(read(), std::pair(0, Stop::kCleanEnd));
  log_.add(put_payload("a", "1"));
  EXPECT_EQ(read(), std::pair(1, Stop::kCleanEnd));
  log_.bytes.resize(kHeaderSize + log_.end.lsn - 4096);
  EXPECT_EQ(read(), std::pair(1, Stop::kCleanEnd));
}

TEST_F(RecordReaderTest, TellsADamagedLengthFromATornTail) {
  log_.add(put_payload("a", "1"));
  const Position second = log_.add(put_payload("b", std::string(100, 'v')));
  const std::vector<std::byte> whole = log_.bytes;
  log_.bytes.resize(kHeaderSize + log_.end.lsn - 4096 - 8);
  EXPECT_EQ(read(), std::pair(1, Stop::kTornTail));
  log_.bytes = whole;
  flip(second.lsn + offsetof(RecordHeader, payload_size) + 3);
  EXPECT_EQ(read(), std::pair(1, Stop::kBadHeader));
}

TEST_F(RecordReaderTest, StopsAtPayloadOrPaddingThatChanged) {
  const Position record = log_.add(put_payload("a", "1"));  // 6 bytes of payload, 2 of padding
  flip(record.lsn + sizeof(RecordHeader));
  EXPECT_EQ(read(), std::pair(0, Stop::kBadChain));
  flip(record.lsn + sizeof(RecordHeader));
  EXPECT_EQ(read(), std::pair(1, Stop::kCleanEnd));
  flip(record.lsn + sizeof(RecordHeader) + 7);
  EXPECT_EQ(read(), std::pair(0, Stop::kBadChain));
}

TEST_F(RecordReaderTest, StopsAtARecordThatContinuesOtherRecords) {
  LogImage other = log_;
  log_.add(put_payload("a", "1"));
  other.add(put_payload("a", "2"));
  const Position second = other.add(put_payload("b", "2"));
  std::copy_n(other.at(second.lsn), other.end.lsn - second.lsn, log_.at(second.lsn));
  EXPECT_EQ(read(), std::pair(1, Stop::kBadChain));
}

TEST_F(RecordReaderTest, StopsAtARecordOfAnotherPlaceOrDatabase) {
  const Position first = log_.add(put_payload("a", "1"));
  const Position second = log_.add(put_payload("b", "2"));
  std::copy_n(log_.at(first.lsn), second.lsn - first.lsn, log_.at(second.lsn));
  EXPECT_EQ(read(), std::pair(1, Stop::kBadHeader));
  log_.header.uuid[0] ^= 1;
  EXPECT_EQ(read(), std::pair(0, Stop::kBadHeader));
}

TEST_F(RecordReaderTest, StopsAtARecordThatClaimsMoreThanCanBe) {
  log_.add(put_payload("a", "1"), log_.end.lsn + 1);
  EXPECT_EQ(read(), std::pair(0, Stop::kBadHeader));
}

// A process that dies while it copies a record has copied some of its bytes; before it, there were
// zeroes, or the rest of what another dead one had begun.
TEST_F(RecordReaderTest, NeverTakesAPartOfARecordForTheWhole) {
  log_.add(put_payload("a", "1"));
  LogImage stale = log_;
  stale.add(put_payload("stale", std::string(150, 's')));
  const std::vector<std::byte> zeroes = log_.bytes;
  const Position begin = log_.add(put_payload("b", std::string(100, 'v')));
  const std::vector<std::byte> after = log_.bytes;
  const std::size_t offset = kHeaderSize + begin.lsn - 4096;
  for (std::size_t copied = 0; copied < log_.end.lsn - begin.lsn - 1; ++copied) {
    for (const std::vector<std::byte>& background : {zeroes, stale.bytes}) {
      log_.bytes = background;
      std::copy_n(after.begin() + static_cast<long>(offset), copied,
                  log_.bytes.begin() + static_cast<long>(offset));
      // Until the first byte differs, the dead one's record is whole.
      const bool whole = log_.bytes == after || log_.bytes == stale.bytes;
      EXPECT_EQ(read().first, whole ? 2 : 1) << copied;
    }
  }
}

TEST_F(RecordReaderTest, ClaimsAreHeardOfRecordsThatContinueNothing) {
  log_.add(put_payload("a", "1"), 100);
  log_.add(put_payload("b", "2"), 4096);
  log_.add(put_payload("c", "3"), 200);
  flip(4096 + sizeof(RecordHeader));
  EXPECT_EQ(read(), std::pair(0, Stop::kBadChain));
  EXPECT_EQ(claimed_durable(records().subspan(8), 4096 + 8, log_.header.uuid), 4096u);
}

TEST_F(RecordReaderTest, ClaimsOfHeadersOutOfPlaceCountOnlyWhereNoPlaceIsKnown) {
  log_.add(put_payload("a", "1"), 100);
  EXPECT_EQ(claimed_durable(records(), 8192, log_.header.uuid), 0u);
  EXPECT_EQ(claimed_durable(records(), std::nullopt, log_.header.uuid), 100u);
  EXPECT_EQ(claimed_durable(records(), std::nullopt, {}), 0u);
}

}  // namespace
}  // namespace tidelock::wal
