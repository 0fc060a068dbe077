#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "wal/log_image.h"
#include "wal/replay.h"

// Every bit flipped, every length a file can be cut to, every block zeroed, in a small set of logs:
// the answer is what lies in front of the damage, or kCorruption wherever something says that more
// was there. Never other data, never less without a word.
namespace tidelock::wal {
namespace {

using test::Collected;
using test::LogImage;

enum class Knowledge {
  kNothing,  // nothing was durable, no seal
  kClaims,   // each record says that all before it was durable
  kSeal,     // the end was sealed
};

struct PlacedRecord {
  std::size_t log;       // index
  std::uint64_t offset;  // in its file
  std::uint64_t size;
  std::string text;  // as Collected has it
};

// Bytes of one file that are not what they were.
struct Damage {
  std::size_t log;  // index
  std::uint64_t from;
  std::uint64_t to;

  [[nodiscard]] bool touches(std::uint64_t offset, std::uint64_t size) const {
    return from < offset + size && offset < to;
  }
};

class DamageTest : public testing::TestWithParam<Knowledge> {
 protected:
  DamageTest() {
    logs_.emplace_back(test::first_header(), 480);
    add("one");
    add(std::string(70, '2'));
    add("three");
    logs_.emplace_back(logs_.back().next_header(2), 64);  // rolled at once
    logs_.emplace_back(logs_.back().next_header(4), 480);
    add("four");
    add(std::string(33, '5'));
    add("six");
    if (GetParam() == Knowledge::kSeal) request_.seal = logs_.back().seal();
  }

  void add(const std::string& payload) {
    LogImage& log = logs_.back();
    const Position begin = log.add(payload, GetParam() == Knowledge::kClaims ? log.end.lsn : 0);
    records_.push_back({.log = logs_.size() - 1,
                        .offset = kHeaderSize + begin.lsn - log.header.base_lsn,
                        .size = log.end.lsn - begin.lsn,
                        .text = std::to_string(log.header.number) + ": " + payload});
  }

  // How many records lie in front of the damage.
  [[nodiscard]] std::size_t intact(const Damage& damage) const {
    const bool header = damage.touches(0, sizeof(EncodedLogHeader));
    std::size_t count = 0;
    for (const PlacedRecord& record : records_) {
      if (header ? record.log >= damage.log
                 : record.log == damage.log && damage.touches(record.offset, record.size)) {
        break;
      }
      ++count;
    }
    return count;
  }

  // Whether a seal, or a record header that is left, knows of more than `count` records.
  [[nodiscard]] bool known_lost(const Damage& damage, std::size_t count) const {
    if (count == records_.size() || GetParam() == Knowledge::kNothing) return false;
    if (GetParam() == Knowledge::kSeal) return true;
    return std::any_of(records_.begin() + static_cast<long>(count) + 1, records_.end(),
                       [&damage](const PlacedRecord& record) {
                         return record.log != damage.log ||
                                !damage.touches(record.offset, sizeof(RecordHeader));
                       });
  }

  void check(const Damage& damage) {
    Collected collected;
    std::vector<Log> views;
    for (const LogImage& image : logs_) views.push_back(image.log());
    const Result<Replayed> replayed = replay(views, request_, collected.callback());
    const std::size_t count = intact(damage);
    const std::string what = "log " + std::to_string(damage.log) + ", bytes " +
                             std::to_string(damage.from) + " to " + std::to_string(damage.to);
    if (known_lost(damage, count)) {
      ASSERT_EQ(replayed.status().code(), StatusCode::kCorruption) << what;
      return;
    }
    ASSERT_TRUE(replayed) << what << ": " << replayed.status().to_string();
    ASSERT_EQ(collected.records.size(), count) << what;
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(collected.records[i], records_[i].text);
  }

  ReplayRequest request_{.uuid = test::kUuid, .oldest = 1};
  std::vector<LogImage> logs_;
  std::vector<PlacedRecord> records_;
};

TEST_P(DamageTest, NoneGivesAll) {
  check({.log = 0, .from = 0, .to = 0});
}

TEST_P(DamageTest, OfAnyBitIsAPrefixOrReported) {
  for (std::size_t log = 0; log < logs_.size(); ++log) {
    std::vector<std::byte>& bytes = logs_[log].bytes;
    for (std::uint64_t offset = 0; offset < bytes.size(); ++offset) {
      // Behind a header nobody looks at the rest of its page: one bit a byte will do.
      const bool unused = offset >= sizeof(EncodedLogHeader) && offset < kHeaderSize;
      for (unsigned bit = 0; bit < (unused ? 1 : 8); ++bit) {
        bytes[offset] ^= static_cast<std::byte>(1 << bit);
        check({.log = log, .from = offset, .to = offset + 1});
        bytes[offset] ^= static_cast<std::byte>(1 << bit);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(DamageTest, ByTruncationIsAPrefixOrReported) {
  for (std::size_t log = 0; log < logs_.size(); ++log) {
    const std::vector<std::byte> whole = logs_[log].bytes;
    for (std::uint64_t size = 0; size < whole.size(); ++size) {
      logs_[log].bytes.resize(size);
      check({.log = log, .from = size, .to = whole.size()});
      logs_[log].bytes = whole;
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(DamageTest, ByZeroedBlocksIsAPrefixOrReported) {
  for (const std::uint64_t block : {8, 64, 512, 4096}) {
    for (std::size_t log = 0; log < logs_.size(); ++log) {
      const std::vector<std::byte> whole = logs_[log].bytes;
      for (std::uint64_t offset = 0; offset < whole.size(); offset += block) {
        const std::uint64_t end = std::min<std::uint64_t>(offset + block, whole.size());
        const auto begin_at = whole.begin() + static_cast<long>(offset);
        const auto end_at = whole.begin() + static_cast<long>(end);
        const auto set = [](std::byte byte) { return byte != std::byte{}; };
        const auto first = std::find_if(begin_at, end_at, set);
        if (first == end_at) continue;
        std::fill(logs_[log].bytes.begin() + static_cast<long>(offset),
                  logs_[log].bytes.begin() + static_cast<long>(end), std::byte{});
        check({.log = log, .from = static_cast<std::uint64_t>(first - whole.begin()), .to = end});
        logs_[log].bytes = whole;
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(DamageTest, ByAMissingFileIsAPrefixOrReported) {
  for (std::size_t log = 0; log < logs_.size(); ++log) {
    const std::vector<std::byte> whole = logs_[log].bytes;
    logs_[log].bytes.clear();
    check({.log = log, .from = 0, .to = whole.size()});
    logs_[log].bytes = whole;
  }
}

INSTANTIATE_TEST_SUITE_P(Wal, DamageTest,
                         testing::Values(Knowledge::kNothing, Knowledge::kClaims, Knowledge::kSeal),
                         [](const auto& kind) {
                           switch (kind.param) {
                             case Knowledge::kNothing:
                               return "NothingDurable";
                             case Knowledge::kClaims:
                               return "RecordsClaimDurability";
                             case Knowledge::kSeal:
                               return "Sealed";
                           }
                           return "unknown";
                         });

}  // namespace
}  // namespace tidelock::wal
