#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <utility>

#include "damage/meaningless.h"
#include "damage/sample.h"
#include "damage/victims.h"
#include "support/largest_allocation.h"
#include "support/seed.h"
#include "support/temporary_directory.h"

// A database that was closed in order and copied: every byte of its files flipped, every length
// they can be cut to, blocks and files lost and exchanged. What is answered is right, or
// kCorruption that names the file; `repair` saves the rest, and accounts for what it cannot.
namespace tidelock::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
// What a process asks for whatever the files hold: the cache of unpacked blocks as it fills up.
constexpr std::size_t kAllocationMin = std::size_t{64} << 10;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStride = 7;  // of bytes; the sanitizers take their time
#else
constexpr std::size_t kStride = 1;
#endif

// What is done to the files: new bytes, or none where the file is removed.
using Change = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct Damage {
  std::string name;
  std::function<Change()> change;
};

class ClosedTest : public testing::Test {
 protected:
  explicit ClosedTest(Shape shape = Shape::kTablesAndLog)
      : sample_(
            make_sample(directory_.file("db"), static_cast<Compression>(seed_ / 8 % 3), shape)) {}

  [[nodiscard]] std::string copy_of(int child) const {
    return directory_.file("copy" + std::to_string(child));
  }
  [[nodiscard]] const std::string& bytes_of(const std::string& file) const {
    return sample_.files.at(file);
  }

  void apply(const std::string& copy, const Change& change) const {
    for (const auto& [file, bytes] : change) {
      if (bytes) {
        write_file(copy + "/" + file, *bytes);
      } else {
        fs::remove(copy + "/" + file);
      }
    }
  }
  void undo(const std::string& copy, const Change& change) const {
    for (const auto& [file, bytes] : change) {
      const auto sound = sample_.files.find(file);
      if (sound == sample_.files.end()) {
        fs::remove(copy + "/" + file);
      } else {
        write_file(copy + "/" + file, sound->second);
      }
    }
  }
  // What an error may name: a file that was changed; where an older manifest seems to be in force,
  // also one that it needs.
  [[nodiscard]] std::vector<std::string> names_in(const Change& change) const {
    std::vector<std::string> names;
    for (const auto& [file, bytes] : change) {
      names.push_back(file);
      if (file.starts_with("MANIFEST-")) names.insert(names.end(), {".wal", ".sst"});
    }
    return names;
  }
  [[nodiscard]] bool means_nothing(const Change& change) const {
    return std::ranges::all_of(
        change, [this](const auto& part) { return meaningless_.covers(part.first, part.second); });
  }
  // What means nothing, check passes over; of much of it that is not asked of each.
  [[nodiscard]] Finding finding_for(const Change& change, std::size_t i, std::size_t count) const {
    if (!means_nothing(change)) return Finding::kSome;
    const bool asked = is_long() || count < 1'000 || i % 8 == seed_ % 8;
    return asked ? Finding::kNone : Finding::kNotAsked;
  }
  static std::size_t allocation_max(const Change& change) {
    std::size_t size = kAllocationMin;
    for (const auto& [file, bytes] : change) size = std::max(size, bytes ? 4 * bytes->size() : 0);
    return size;
  }

  // Every piece is read by a child that cannot write there.
  Tally read_each(const std::vector<Damage>& damages) {
    for (int child = 0; child < kChildren; ++child) write_files(copy_of(child), sample_.files);
    const auto work = [&](int child, std::size_t i) -> Verdict {
      const Change change = damages[i].change();
      apply(copy_of(child), change);
      (void)take_largest_allocation();
      Verdict verdict = read_all({sample_, copy_of(child), names_in(change), false,
                                  finding_for(change, i, damages.size())});
      const std::size_t largest = take_largest_allocation();
      if (largest > allocation_max(change)) {
        verdict = {Outcome::kViolation, "asked for " + std::to_string(largest) + " bytes at once"};
      }
      undo(copy_of(child), change);
      return verdict;
    };
    return report("read", damages, work);
  }
  // Every piece has a fresh copy, in which everything is built anew.
  Tally open_each(const std::vector<Damage>& damages) {
    const auto work = [&](int child, std::size_t i) -> Verdict {
      const Change change = damages[i].change();
      const std::string copy = directory_.file("open" + std::to_string(child));
      fs::remove_all(copy);
      write_files(copy, sample_.files);
      apply(copy, change);
      return read_all(
          {sample_, copy, names_in(change), true, finding_for(change, i, damages.size())});
    };
    return report("opened", damages, work);
  }
  Tally repair_each(const std::vector<Damage>& damages, std::size_t differences_max) {
    for (int child = 0; child < kChildren; ++child) write_files(copy_of(child), sample_.files);
    const auto work = [&](int child, std::size_t i) -> Verdict {
      const Change change = damages[i].change();
      apply(copy_of(child), change);
      std::size_t differences = 0;
      const std::string into = directory_.file("saved" + std::to_string(child));
      fs::remove_all(into);
      Verdict verdict = repair_all(sample_, copy_of(child), into, differences);
      if (verdict.outcome != Outcome::kViolation && differences > differences_max) {
        verdict = {Outcome::kViolation, std::to_string(differences) + " keys differ"};
      }
      undo(copy_of(child), change);
      return verdict;
    };
    return report("repaired", damages, work);
  }

  // A run that tried less is none.
  static void expect_enough(const std::vector<Damage>& damages, std::size_t floor) {
    EXPECT_GE(damages.size(), floor / kStride);
  }

  static Tally report(const char* verb, const std::vector<Damage>& damages,
                      const std::function<Verdict(int, std::size_t)>& work) {
    const Tally tally = run_in_children(damages.size(), work,
                                        [&damages](std::size_t i) { return damages[i].name; });
    for (const std::string& fault : tally.faults) ADD_FAILURE() << fault;
    std::printf("%s: %zu damages: %llu the same, %llu found by a check alone, %llu reported\n",
                verb, damages.size(), static_cast<unsigned long long>(tally.of(Outcome::kSame)),
                static_cast<unsigned long long>(tally.of(Outcome::kFound)),
                static_cast<unsigned long long>(tally.of(Outcome::kReported)));
    std::fflush(stdout);
    EXPECT_EQ(tally.all(), damages.size());
    return tally;
  }

  // One bit of each byte, or all; `which`: of several ones.
  [[nodiscard]] std::vector<Damage> flips(unsigned which = 0) const {
    std::vector<Damage> damages;
    for (const auto& [file, bytes] : sample_.files) {
      for (std::size_t at = seed_ % kStride; at < bytes.size(); at += kStride) {
        for (unsigned k = 0; k < (is_long() ? 8 : 1); ++k) {
          const unsigned bit = static_cast<unsigned>((at + seed_ + which + k) % 8);
          damages.push_back({file + " at " + std::to_string(at) + " bit " + std::to_string(bit),
                             [this, &file = file, at, bit]() -> Change {
                               std::string flipped = bytes_of(file);
                               flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
                               return {{file, std::move(flipped)}};
                             }});
        }
      }
    }
    return damages;
  }

  [[nodiscard]] std::vector<Damage> all_truncations() const {
    std::vector<Damage> damages;
    for (const auto& [file, bytes] : sample_.files) {
      for (std::size_t length = 0; length < bytes.size(); ++length) {
        damages.push_back(
            {file + " cut to " + std::to_string(length), [this, &file = file, length]() -> Change {
               return {{file, bytes_of(file).substr(0, length)}};
             }});
      }
    }
    return damages;
  }

  // Of every block of every file: zeroed, filled, exchanged with the next, as it was earlier.
  [[nodiscard]] std::vector<Damage> blocks() const {
    std::vector<Damage> damages;
    const auto add = [&](const std::string& file, std::size_t at, const std::string& how,
                         const std::string& block) {
      std::string bytes = bytes_of(file);
      bytes.replace(at, block.size(), block);
      if (bytes == bytes_of(file)) return;
      damages.push_back({file + " at " + std::to_string(at) + " " + how, [file, bytes]() -> Change {
                           return {{file, bytes}};
                         }});
    };
    for (const auto& [file, bytes] : sample_.files) {
      for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
        const std::size_t length = std::min(kBlock, bytes.size() - at);
        add(file, at, "zeroed", std::string(length, '\0'));
        add(file, at, "filled", std::string(length, '\xff'));
        if (at + 2 * kBlock <= bytes.size()) {
          add(file, at, "swapped", bytes.substr(at + kBlock, kBlock) + bytes.substr(at, kBlock));
        }
        for (const Files& earlier : sample_.earlier) {
          const auto older = earlier.find(file);
          if (older == earlier.end() || older->second.size() <= at) continue;
          std::string block = older->second.substr(at, length);
          block.resize(length);
          add(file, at, "older", block);
        }
      }
    }
    return damages;
  }

  [[nodiscard]] std::vector<Damage> whole_files() const {
    std::vector<Damage> damages;
    const auto add = [&](const std::string& name, const Change& change) {
      damages.push_back({name, [change]() -> Change { return change; }});
    };
    for (const auto& [file, bytes] : sample_.files) {
      add(file + " missing", {{file, std::nullopt}});
      add(file + " empty", {{file, ""}});
      add(file + " twice over", {{file, bytes + bytes}});
      add(file + " longer", {{file, bytes + std::string(5000, '\0')}});
      for (const auto& [other, other_bytes] : sample_.files) {
        if (other == file) continue;
        add(file + " replaced by " + other, {{file, other_bytes}});
        if (other > file) {
          add(file + " and " + other + " swapped", {{file, other_bytes}, {other, bytes}});
        }
      }
      for (const Files& earlier : sample_.earlier) {
        const auto older = earlier.find(file);
        if (older == earlier.end() || older->second == bytes) continue;
        add(file + " of an earlier time", {{file, older->second}});
      }
      const std::size_t dot = file.find('.');
      if (file.starts_with("MANIFEST-")) add(file + " doubled", {{"MANIFEST-000999", bytes}});
      if (dot != std::string::npos) {
        add(file + " doubled", {{"000999" + file.substr(dot), bytes}});
      }
    }
    return damages;
  }

  // One of so many, beginning somewhere.
  [[nodiscard]] std::vector<Damage> some_of(const std::vector<Damage>& damages,
                                            std::size_t one_of) const {
    one_of = is_long() ? std::max<std::size_t>(1, one_of / 2) : one_of * kStride;
    std::vector<Damage> some;
    for (std::size_t i = seed_ % one_of; i < damages.size(); i += one_of) {
      some.push_back(damages[i]);
    }
    return some;
  }

  const std::uint64_t seed_ = random_seed();
  const TemporaryDirectory directory_{Where::kMemory};
  const Sample sample_;
  const Meaningless meaningless_{directory_.file("db"), sample_.files};
};

class ShapeTest : public ClosedTest, public testing::WithParamInterface<Shape> {
 protected:
  ShapeTest() : ClosedTest(GetParam()) {}
};

// The manifest is what leads to all the rest.
TEST_P(ShapeTest, DamageOfTheManifestIsHarmlessOrReported) {
  for (const std::vector<Damage>& damages :
       {is_long() ? flips() : some_of(flips(), 4), some_of(all_truncations(), 3), whole_files()}) {
    std::vector<Damage> some;
    std::ranges::copy_if(damages, std::back_inserter(some),
                         [](const Damage& damage) { return damage.name.starts_with("MANIFEST-"); });
    read_each(some);
    repair_each(some_of(some, 32), sample_.history.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ShapeTest, testing::Values(Shape::kTables, Shape::kLog));

TEST_F(ClosedTest, AnswersTheSameWhenNothingIsDamaged) {
  const std::vector<Damage> none = {{"nothing", [] { return Change(); }}};
  EXPECT_EQ(read_each(none).of(Outcome::kSame), 1u);
  EXPECT_EQ(open_each(none).of(Outcome::kSame), 1u);
  EXPECT_EQ(repair_each(none, 0).of(Outcome::kSame), 1u);
  for (const auto& [file, bytes] : sample_.files) {
    std::printf("  %s: %zu bytes\n", file.c_str(), bytes.size());
  }
}

TEST_F(ClosedTest, FlippedBitsAreHarmlessOrReported) {
  constexpr std::size_t kFlipsMin = 20'000;
  std::vector<Damage> damages = flips();
  for (const Damage& another : flips(4)) {  // where compression leaves fewer bytes
    if (damages.size() >= kFlipsMin / kStride) break;
    damages.push_back(another);
  }
  expect_enough(damages, kFlipsMin);
  const auto meaningless = static_cast<std::size_t>(std::ranges::count_if(
      damages, [this](const Damage& damage) { return means_nothing(damage.change()); }));
  std::printf("%zu of them mean nothing\n", meaningless);
  EXPECT_LE(meaningless, damages.size() / 50);
  const Tally tally = read_each(damages);
  EXPECT_GE(tally.of(Outcome::kReported), damages.size() / 2);
  EXPECT_GE(tally.of(Outcome::kFound), 3'900 / kStride);  // most of a log's header page
  open_each(some_of(damages, 80));
}

TEST_F(ClosedTest, TruncationsAreHarmlessOrReported) {
  const std::vector<Damage> damages = all_truncations();
  expect_enough(damages, 12'000);
  read_each(is_long() ? damages : some_of(damages, 12));
  open_each(some_of(damages, 80));
}

TEST_F(ClosedTest, LostAndExchangedBlocksAreHarmlessOrReported) {
  const std::vector<Damage> damages = blocks();
  expect_enough(damages, 60);
  read_each(damages);
  open_each(some_of(damages, 4));
}

TEST_F(ClosedTest, LostAndExchangedFilesAreHarmlessOrReported) {
  const std::vector<Damage> damages = whole_files();
  expect_enough(damages, 90);
  read_each(damages);
  open_each(damages);
}

// What a bit can take away: a block of a table, a record of a log; of the other files, nothing.
TEST_F(ClosedTest, RepairLosesNoMoreThanABlockByABit) {
  std::vector<Damage> tables;
  std::vector<Damage> logs;
  std::vector<Damage> others;
  for (Damage& damage : some_of(flips(), 60)) {
    const bool table = damage.name.find(".sst") != std::string::npos;
    const bool log = damage.name.find(".wal") != std::string::npos;
    (table ? tables : log ? logs : others).push_back(std::move(damage));
  }
  constexpr std::size_t kBlockEntriesMax = 24;
  constexpr std::size_t kBatchMax = 4;
  expect_enough(tables, 70 / kStride);
  expect_enough(logs, 60 / kStride);
  expect_enough(others, 50 / kStride);
  repair_each(tables, kBlockEntriesMax);
  repair_each(logs, kBatchMax);
  repair_each(others, 0);
}

TEST_F(ClosedTest, RepairAccountsForAllThatBlocksAndFilesTookAway) {
  const std::size_t any = sample_.history.size();
  repair_each(some_of(all_truncations(), 80), any);
  repair_each(some_of(blocks(), 2), any);
  repair_each(some_of(whole_files(), 2), any);
}

// Up to six things at once, of any kind, mostly in several files. But not to manifest and log: what
// was cut from a log whose seal is lost was perhaps never there.
TEST_F(ClosedTest, RepairAccountsForManyDamagesAtOnce) {
  std::mt19937_64 random(seed_);
  const std::vector<std::vector<Damage>> kinds = {flips(), all_truncations(), blocks(),
                                                  whole_files()};
  std::vector<Damage> damages;
  for (std::size_t n = 0; n < (is_long() ? 4'000 : 200 / kStride); ++n) {
    Damage all{"", nullptr};
    std::vector<Damage> parts;
    for (std::size_t k = 2 + random() % 5; k > 0; --k) {
      const std::vector<Damage>& kind = kinds[random() % kinds.size()];
      const Damage& part = kind[random() % kind.size()];
      if (part.name.find(n % 2 == 0 ? ".wal" : "MANIFEST-") != std::string::npos) continue;
      parts.push_back(part);
      all.name += part.name + ", ";
    }
    all.change = [parts] {
      Change change;
      for (const Damage& part : parts) {
        for (auto& [file, bytes] : part.change()) {
          std::erase_if(change, [&file = file](const auto& done) { return done.first == file; });
          change.emplace_back(file, std::move(bytes));
        }
      }
      return change;
    };
    damages.push_back(std::move(all));
  }
  repair_each(damages, sample_.history.size());
}

}  // namespace
}  // namespace tidelock::test
