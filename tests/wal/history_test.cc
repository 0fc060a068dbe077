#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "wal/log_image.h"
#include "wal/replay.h"

// Random histories of a database's logs: commits, writers and rolls that die half-way, syncs,
// flushes, recycled files, clean closes, recoveries after the processes died and after power cuts.
// A power cut gives each sector that was not synced any of the contents it had since it was, and
// takes away files whose directory entry was not synced. Nothing is ever damaged, so no recovery
// may speak of damage; and each must find what the rules promise.
namespace tidelock::wal {
namespace {

using test::Collected;
using test::kUuid;

constexpr std::uint64_t kFileSize = kHeaderSize + 512;
constexpr std::uint64_t kSector = 64;  // small, to tear more

std::uint64_t seed() {
  const char* text = std::getenv("TIDELOCK_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
}

class Disk {
 public:
  using Bytes = std::vector<std::byte>;

  explicit Disk(std::mt19937_64& random) : random_(random) {}

  void create(std::uint64_t number, const Bytes& content) {
    files_[number] = File{.bytes = content, .earlier = {}, .entry_synced = false};
  }
  void remove(std::uint64_t number) { files_.erase(number); }
  void write(std::uint64_t number, std::uint64_t offset, std::span<const std::byte> data) {
    File& file = files_.at(number);
    for (std::uint64_t sector = offset / kSector; sector * kSector < offset + data.size();
         ++sector) {
      const auto begin = file.bytes.begin() + static_cast<long>(sector * kSector);
      file.earlier[sector].emplace_back(begin, begin + kSector);
    }
    std::copy(data.begin(), data.end(), file.bytes.begin() + static_cast<long>(offset));
  }
  void sync(std::uint64_t number) { files_.at(number).earlier.clear(); }
  void sync_directory() {
    for (auto& [number, file] : files_) file.entry_synced = true;
  }
  void cut_power() {
    std::erase_if(files_, [this](const auto& entry) {
      return !entry.second.entry_synced && random_() % 2 == 0;
    });
    for (auto& [number, file] : files_) {
      for (const auto& [sector, versions] : file.earlier) {
        const std::size_t choice = random_() % (versions.size() + 1);
        if (choice == versions.size()) continue;
        std::copy(versions[choice].begin(), versions[choice].end(),
                  file.bytes.begin() + static_cast<long>(sector * kSector));
      }
      file.earlier.clear();
      file.entry_synced = true;
    }
  }
  [[nodiscard]] bool has(std::uint64_t number) const { return files_.contains(number); }
  [[nodiscard]] const Bytes& bytes(std::uint64_t number) const { return files_.at(number).bytes; }
  [[nodiscard]] std::vector<Log> logs() const {
    std::vector<Log> logs;
    for (const auto& [number, file] : files_) {
      logs.push_back({.number = number, .name = std::to_string(number), .bytes = file.bytes});
    }
    return logs;
  }

 private:
  struct File {
    Bytes bytes;                                          // as the page cache has it
    std::map<std::uint64_t, std::vector<Bytes>> earlier;  // by sector, since the last sync
    bool entry_synced = false;
  };
  std::mt19937_64& random_;
  std::map<std::uint64_t, File> files_;
};

class History {
 public:
  explicit History(std::uint64_t history_seed) : random_(history_seed), disk_(random_) {
    begin_log(1, 0);
    disk_.sync_directory();
  }

  void step() {
    switch (random_() % 16) {
      case 0:
        return die_in_append();
      case 1:
        return die_in_roll();
      case 2:
        return roll();
      case 3:
        return sync(random_() % live_.size() + 1);
      case 4:
        return flush();
      case 5:
        return close();
      case 6:
        return recover();
      case 7:
        disk_.cut_power();
        power_was_cut_ = true;
        return recover();
      default:
        return commit();
    }
  }

 private:
  struct Committed {
    std::uint64_t lsn;
    std::uint64_t end_lsn;
    std::string text;
  };

  std::string next_payload() {
    return std::to_string(++payloads_) + std::string(2 + random_() % 90, '.');
  }
  [[nodiscard]] std::uint64_t offset() const { return kHeaderSize + end_.lsn - active_.base_lsn; }

  void commit() {
    const std::string payload = next_payload();
    if (offset() + record_size(payload.size()) > kFileSize) roll();
    const std::uint64_t at = offset();
    const std::uint64_t lsn = end_.lsn;
    disk_.write(active_.number, at, test::record_bytes(end_, payload, durable_));
    committed_.push_back({lsn, end_.lsn, payload});
  }

  // Dies before the commit, with all of the record copied or a part of it.
  void die_in_append() {
    Position ignored = end_;
    const std::string payload = next_payload();
    std::vector<std::byte> record = test::record_bytes(ignored, payload, durable_);
    if (offset() + record.size() > kFileSize) return;
    if (random_() % 2 == 0) record.resize(random_() % record.size() + 1);
    disk_.write(active_.number, offset(), record);
  }

  LogHeader header_for(std::uint64_t number, std::uint64_t predecessor) {
    return {.number = number,
            .base_lsn = end_.lsn,
            .base_sequence = end_.last_sequence,
            .salt = random_(),
            .predecessor = predecessor,
            .predecessor_chain = predecessor == 0 ? 0 : end_.chain,
            .uuid = kUuid};
  }
  // A new file, of zeroes or with what a flushed log left in it; or the one a dead roll prepared.
  std::uint64_t prepare() {
    if (spare_ == 0 || !disk_.has(spare_)) {
      spare_ = next_number_++;
      const bool recycle = !retired_.empty() && random_() % 2 == 0;
      disk_.create(spare_, recycle ? retired_ : Disk::Bytes(kFileSize));
    }
    return spare_;
  }
  void write_header(const LogHeader& header) {
    const EncodedLogHeader encoded = encode(header);
    disk_.write(header.number, 0, std::as_bytes(std::span(&encoded, 1)));
  }
  void begin_log(std::uint64_t number, std::uint64_t predecessor) {
    next_number_ = std::max(next_number_, number + 1);
    if (!disk_.has(number)) disk_.create(number, Disk::Bytes(kFileSize));
    active_ = header_for(number, predecessor);
    write_header(active_);
    end_ = start_of(active_);
    live_.push_back(active_);
  }

  void roll() {
    const std::uint64_t number = prepare();
    spare_ = 0;
    begin_log(number, active_.number);
  }
  void die_in_roll() { write_header(header_for(prepare(), active_.number)); }

  // The `count` oldest logs.
  void sync(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) disk_.sync(live_[i].number);
    disk_.sync_directory();
    durable_ = std::max(durable_, count == live_.size() ? end_.lsn : live_[count].base_lsn);
  }
  void sync() { sync(live_.size()); }

  // The oldest log goes into tables.
  void flush() {
    if (live_.size() < 2) return;
    sync(1);
    retired_ = disk_.bytes(live_.front().number);
    disk_.remove(live_.front().number);
    live_.erase(live_.begin());
    request_.oldest = live_.front().number;
    request_.start = start_of(live_.front());
    std::erase_if(committed_,
                  [this](const Committed& record) { return record.lsn < request_.start.lsn; });
  }

  void close() {
    sync();
    request_.seal = Seal{.number = active_.number, .lsn = end_.lsn, .chain = end_.chain};
    if (random_() % 2 == 0) recover();
  }

  void recover() {
    const std::vector<Log> logs = disk_.logs();
    std::vector<Committed> found;
    const Result<Replayed> replayed =
        replay(logs, request_, [&found](std::uint64_t, const Record& record) {
          found.push_back({record.lsn, record.end.lsn, test::text_of(record.payload)});
          return Status();
        });
    ASSERT_TRUE(replayed) << replayed.status().to_string();
    check(found, *replayed);
    power_was_cut_ = false;
    adopt(found, *replayed, logs);
  }

  // A prefix with all that had to survive, and at most one record that was never committed.
  void check(const std::vector<Committed>& found, const Replayed& replayed) {
    std::size_t same = 0;
    while (same < found.size() && same < committed_.size() &&
           found[same].text == committed_[same].text) {
      ++same;
    }
    ASSERT_LE(found.size(), same + 1);
    const std::uint64_t kept = power_was_cut_ ? durable_ : end_.lsn;
    ASSERT_TRUE(same == committed_.size() || committed_[same].lsn >= kept);
    ASSERT_GE(replayed.end.lsn, kept);
    recoveries += 1;
    lost += committed_.size() - same;
    taken_up += found.size() - same;
    followed_max = std::max(followed_max, replayed.logs.size());
  }

  void adopt(const std::vector<Committed>& found, const Replayed& replayed,
             const std::vector<Log>& logs) {
    committed_ = found;
    std::vector<LogHeader> live;
    for (const std::uint64_t number : replayed.logs) {
      live.push_back(decode_log_header(disk_.bytes(number), number)->header);
    }
    for (const Log& log : logs) {
      next_number_ = std::max(next_number_, log.number + 1);
    }
    for (std::uint64_t number = request_.oldest; number < next_number_; ++number) {
      const bool followed =
          std::find(replayed.logs.begin(), replayed.logs.end(), number) != replayed.logs.end();
      if (!followed && disk_.has(number) && random_() % 2 == 0) disk_.remove(number);
    }
    live_ = live;
    end_ = replayed.end;
    spare_ = 0;
    durable_ = request_.start.lsn;
    if (random_() % 2 == 0) sync();
    if (live_.empty()) {
      request_ = {.uuid = kUuid, .oldest = next_number_, .start = end_};
    }
    begin_log(next_number_, live_.empty() ? 0 : live_.back().number);
  }

 public:
  std::uint64_t recoveries = 0;
  std::uint64_t lost = 0;
  std::uint64_t taken_up = 0;
  std::size_t followed_max = 0;

 private:
  std::mt19937_64 random_;
  Disk disk_;
  ReplayRequest request_{.uuid = kUuid, .oldest = 1};  // what the manifest says
  LogHeader active_;
  std::vector<LogHeader> live_;  // oldest first, the active one last
  std::uint64_t next_number_ = 1;
  std::uint64_t spare_ = 0;
  Disk::Bytes retired_;
  Position end_{};             // E
  std::uint64_t durable_ = 0;  // D
  bool power_was_cut_ = false;
  std::vector<Committed> committed_;  // from request_.start on
  std::uint64_t payloads_ = 0;
};

TEST(Replay, FindsWhatIsPromisedInAnyHistory) {
  const std::uint64_t first = seed();
  std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(first));
  std::uint64_t recoveries = 0;
  std::uint64_t lost = 0;
  std::uint64_t taken_up = 0;
  std::size_t followed_max = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    History history(first + i);
    for (int step = 0; step < 60 && !testing::Test::HasFatalFailure(); ++step) history.step();
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << "TIDELOCK_SEED=" << first + i;
    recoveries += history.recoveries;
    lost += history.lost;
    taken_up += history.taken_up;
    followed_max = std::max(followed_max, history.followed_max);
  }
  // The histories went where it hurts.
  EXPECT_GT(recoveries, 1000u);
  EXPECT_GT(lost, 100u);
  EXPECT_GT(taken_up, 100u);
  EXPECT_GE(followed_max, 5u);
}

}  // namespace
}  // namespace tidelock::wal
