#include "manifest/version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "manifest_samples.h"
#include "support/seed.h"

namespace tidelock::manifest {
namespace {

using Numbers = std::vector<std::uint64_t>;

VersionEdit add(std::uint32_t level, std::vector<FilePtr> files) {
  VersionEdit edit;
  for (FilePtr& file : files) edit.added.push_back({level, std::move(file)});
  return edit;
}

VersionEdit remove(std::vector<RemovedFile> files) {
  VersionEdit edit;
  edit.removed = std::move(files);
  return edit;
}

VersionEdit seal_edit(std::optional<std::uint64_t> oldest_log, std::optional<Seal> seal,
                      bool clear) {
  VersionEdit edit;
  if (oldest_log) set_oldest_log(edit, *oldest_log);
  edit.seal = seal;
  edit.clear_seal = clear;
  return edit;
}

Numbers numbers(std::span<const FilePtr> files) {
  Numbers result;
  for (const FilePtr& file : files) result.push_back(file->number);
  return result;
}

void expect_refused(const Version& version, const VersionEdit& edit, const std::string& reason) {
  const auto before = fingerprint(version);
  Result<Version> next = version.apply(edit);
  ASSERT_FALSE(next.has_value()) << reason;
  EXPECT_EQ(next.error().code(), StatusCode::kInvalid);
  EXPECT_NE(next.error().message().find(reason), std::string::npos) << next.error().message();
  EXPECT_EQ(fingerprint(version), before);
}

TEST(Version, BeginsWithTheCreationOptionsAndKeepsThem) {
  expect_refused(Version(), flush(1, 1), "creation options");
  VersionEdit edit = creation();
  edit.created->block_size = 512;
  const Version version = version_of({edit, flush(2, 1)});
  EXPECT_EQ(version.created().block_size, 512u);
  expect_refused(version, creation(), "creation options");
  edit.created->block_size = 0;
  expect_refused(Version(), edit, "creation options out of range");
}

TEST(Version, IsNotChangedByTheEditThatMakesTheNextOne) {
  const Version before = version_of({creation()});
  const Version after = *before.apply(flush(2, 1));
  EXPECT_TRUE(before.files(0).empty());
  EXPECT_EQ(numbers(after.files(0)), Numbers{2});
}

TEST(Version, OrdersLevel0ByMemtableAndNotByFileNumber) {
  const Version version = version_of({creation(), flush(9, 1), flush(5, 2), flush(7, 3)});
  EXPECT_EQ(numbers(version.files(0)), (Numbers{7, 5, 9}));
}

TEST(Version, AcceptsSeveralMemtablesInOneEditInAnyOrder) {
  VersionEdit edit = add(0, {table(8, "a", "b", 2), table(9, "a", "b", 1)});
  set_oldest_log(edit, 3);
  EXPECT_EQ(numbers(version_of({creation(), edit}).files(0)), (Numbers{8, 9}));
}

TEST(Version, RefusesAMemtableOlderThanAnInstalledOne) {
  const Version version = version_of({creation(), flush(8, 5)});
  expect_refused(version, flush(9, 4), "oldest log needed goes back");
  VersionEdit late = flush(9, 4);
  set_oldest_log(late, 7);
  expect_refused(version, late, "(F1)");
}

TEST(Version, RefusesAMemtableThatIsInstalledAlready) {
  const VersionEdit again = flush(9, 5);
  expect_refused(version_of({creation(), flush(8, 5)}), again, "(F1)");
  VersionEdit compacted = add(1, {table(20, "a", "z")});
  compacted.removed = {{0, 8}};
  expect_refused(version_of({creation(), flush(8, 5), compacted}), again, "(F1)");
}

TEST(Version, RefusesAMemtableWhoseLogIsStillNeeded) {
  VersionEdit edit = flush(9, 5);
  set_oldest_log(edit, 5);
  expect_refused(version_of({creation()}), edit, "(F1)");
}

TEST(Version, RefusesTwoTablesOfOneMemtable) {
  VersionEdit edit = flush(9, 5);
  edit.added.push_back({0, table(10, "a", "b", 5)});
  expect_refused(version_of({creation()}), edit, "(F1)");
}

TEST(Version, KeepsDeeperLevelsSortedAndDisjoint) {
  const Version version =
      version_of({creation(), add(1, {table(5, "m", "p"), table(3, "a", "c")}),
                  add(1, {table(4, "x", "z"), table(6, "d", "d"), table(7, "A", "B")})});
  EXPECT_EQ(numbers(version.files(1)), (Numbers{7, 3, 6, 5, 4}));
  const std::pair<std::string, std::string> occupied[] = {{"c", "cc"},  {"C", "a"}, {"n", "o"},
                                                          {"cc", "zz"}, {"d", "d"}, {"y", "zz"}};
  for (const auto& [smallest, largest] : occupied) {
    expect_refused(version, add(1, {table(9, smallest, largest)}), "overlaps");
  }
  expect_refused(version, add(1, {table(8, "e", "g"), table(9, "f", "h")}), "overlaps");
  expect_refused(version, add(1, {table(8, "e", "g"), table(9, "g", "h")}), "overlaps");
}

TEST(Version, RefusesToRemoveWhatIsNotThere) {
  const Version version = version_of({creation(), add(2, {table(3, "a", "b")})});
  expect_refused(version, remove({{1, 3}}), "on level 1");
  expect_refused(version, remove({{2, 4}}), "on level 2");
  expect_refused(version, remove({{2, 3}, {2, 3}}), "on level 2");
  expect_refused(version, remove({{kLevels, 3}}), "unknown level");
}

TEST(Version, HasEachTableNumberOnce) {
  const Version version = version_of({creation(), add(2, {table(3, "a", "b")})});
  expect_refused(version, add(1, {table(3, "x", "y")}), "there already");
  expect_refused(version, add(1, {table(4, "x", "y"), table(4, "a", "b")}), "there already");
  EXPECT_TRUE(version.live(3));
  EXPECT_FALSE(version.live(4));
}

TEST(Version, MovesATableInOneEdit) {
  VersionEdit move = add(3, {table(3, "a", "b")});
  move.removed = {{2, 3}};
  const Version version = version_of({creation(), add(2, {table(3, "a", "b")}), move});
  EXPECT_TRUE(version.files(2).empty());
  EXPECT_EQ(numbers(version.files(3)), Numbers{3});
  EXPECT_EQ(Numbers(version.live_numbers().begin(), version.live_numbers().end()), Numbers{3});
}

TEST(Version, KeepsOldValuesFromComingUpAgain) {
  const Version version = version_of(
      {creation(), flush(11, 1, "a", "f"), flush(12, 2, "m", "p"), flush(13, 3, "e", "n")});
  expect_refused(version, remove({{0, 13}}), "leaves level 0 above an older table");
  expect_refused(version, remove({{0, 13}, {0, 11}}), "leaves level 0 above an older table");
  EXPECT_TRUE(version.apply(remove({{0, 11}})).has_value());
  EXPECT_TRUE(version.apply(remove({{0, 12}})).has_value());
  EXPECT_TRUE(version.apply(remove({{0, 11}, {0, 12}, {0, 13}})).has_value());
}

TEST(Version, RefusesImpossibleTables) {
  const Version version = version_of({creation()});
  const auto with = [](auto change) {
    FileMeta file = *table(3, "a", "b");
    change(file);
    return add(1, {std::make_shared<const FileMeta>(file)});
  };
  constexpr auto kHuge = std::numeric_limits<std::uint64_t>::max();
  expect_refused(version, with([](FileMeta& f) { f.number = 0; }), "number");
  expect_refused(version, with([](FileMeta& f) { f.number = kHuge; }), "number");
  expect_refused(version, with([](FileMeta& f) { f.memtable_number = 1; }), "memtable");
  expect_refused(version, with([](FileMeta& f) { f.smallest = "c"; }), "key range");
  expect_refused(version, with([](FileMeta& f) { f.largest.assign(70'000, 'c'); }), "key range");
  expect_refused(version, with([](FileMeta& f) { f.size = kHuge; }), "counts");
  expect_refused(version, with([](FileMeta& f) { f.size = 0; }), "counts");
  expect_refused(version, with([](FileMeta& f) { f.entries = 0; }), "counts");
  expect_refused(version, with([](FileMeta& f) { f.tombstones = 11; }), "counts");
  expect_refused(version, add(0, {table(3, "a", "b")}), "memtable");
  expect_refused(version, add(kLevels, {table(3, "a", "b")}), "unknown level");
}

TEST(Version, RaisesItsNumbersAndNeverLowersThem) {
  VersionEdit edit = creation();
  edit.next_file_number = 20;
  edit.last_sequence = 500;
  const Version version = version_of({edit});
  EXPECT_EQ(version.next_file_number(), 20u);
  EXPECT_EQ(version.last_sequence(), 500u);
  const Version raised = version_of({edit, add(1, {table(30, "a", "b")})});
  EXPECT_EQ(raised.next_file_number(), 31u);
  EXPECT_EQ(raised.last_sequence(), 3000u);
  EXPECT_EQ(raised.oldest_lsn(), 10u);
  EXPECT_EQ(raised.oldest_sequence(), 1u);
  VersionEdit lower;
  set_oldest_log(lower, 0);
  expect_refused(raised, lower, "goes back");
  set_oldest_log(lower, 1);
  --*lower.oldest_lsn;
  expect_refused(raised, lower, "goes back");
  set_oldest_log(lower, 1);
  --*lower.oldest_sequence;
  expect_refused(raised, lower, "goes back");
  lower = {};
  lower.next_file_number = 30;
  expect_refused(raised, lower, "goes back");
  lower = {};
  lower.last_sequence = 2999;
  expect_refused(raised, lower, "goes back");
}

TEST(Version, HasASealUntilItIsClearedOrItsLogNotNeeded) {
  const Seal seal{.log = 4, .end = 100, .chain = 7};
  const Version sealed = version_of({creation(), seal_edit(3, seal, false)});
  EXPECT_EQ(sealed.seal(), seal);
  EXPECT_EQ(sealed.apply(seal_edit(4, {}, false))->seal(), seal);
  EXPECT_EQ(sealed.apply(seal_edit(5, {}, false))->seal(), std::nullopt);
  EXPECT_EQ(sealed.apply(seal_edit({}, {}, true))->seal(), std::nullopt);
  expect_refused(sealed, seal_edit({}, Seal{.log = 2}, false), "seal");
  expect_refused(sealed, seal_edit({}, seal, true), "seal");
}

TEST(Version, FindsTheTablesOfAKeyRange) {
  const Version version = version_of(
      {creation(), flush(21, 1, "c", "m"), flush(22, 2, "a", "b"), flush(23, 3, "l", "z"),
       add(1, {table(3, "b", "d"), table(4, "f", "h"), table(5, "k", "k")})});
  EXPECT_EQ(numbers(version.overlapping(0, {"b", "c"})), (Numbers{22, 21}));
  EXPECT_EQ(numbers(version.overlapping(0, {})), (Numbers{23, 22, 21}));
  EXPECT_EQ(numbers(version.overlapping(1, {"d", "f"})), (Numbers{3, 4}));
  EXPECT_EQ(numbers(version.overlapping(1, {"i", std::nullopt})), Numbers{5});
  EXPECT_EQ(numbers(version.overlapping(1, {std::nullopt, "a"})), Numbers{});
  EXPECT_EQ(version.find(1, "a"), 0u);
  EXPECT_EQ(version.find(1, "d"), 0u);
  EXPECT_EQ(version.find(1, "e"), 1u);
  EXPECT_EQ(version.find(1, "k"), 2u);
  EXPECT_EQ(version.find(1, "l"), 3u);
  EXPECT_EQ(version.level_bytes(1), 3 * 1000u + 3 + 4 + 5);
}

// Tables by number; every rule by comparing everything with everything.
struct NaiveVersion {
  std::map<std::uint64_t, std::pair<std::uint32_t, FileMeta>> files;
  std::uint64_t oldest_log = 1;

  static bool overlap(const FileMeta& a, const FileMeta& b) {
    return a.smallest <= b.largest && b.smallest <= a.largest;
  }

  bool remove(const std::vector<RemovedFile>& removed, NaiveVersion& next) const {
    for (const RemovedFile& file : removed) {
      auto at = next.files.find(file.number);
      if (at == next.files.end() || at->second.first != file.level) return false;
      next.files.erase(at);
    }
    for (const auto& [number, file] : files) {
      if (file.first != 0 || next.files.contains(number)) continue;
      for (const auto& [other_number, other] : next.files) {
        if (other.first == 0 && other.second.memtable_number < file.second.memtable_number &&
            overlap(other.second, file.second)) {
          return false;
        }
      }
    }
    return true;
  }

  bool add(const AddedFile& added, NaiveVersion& next) const {
    const FileMeta& file = *added.file;
    if (added.level == 0 &&
        (file.memtable_number < oldest_log || file.memtable_number >= next.oldest_log)) {
      return false;
    }
    for (const auto& [number, other] : next.files) {
      if (number == file.number) return false;
      if (other.first != added.level) continue;
      if (added.level == 0 && other.second.memtable_number == file.memtable_number) return false;
      if (added.level > 0 && overlap(other.second, file)) return false;
    }
    next.files.emplace(file.number, std::pair(added.level, file));
    return true;
  }

  bool apply(const VersionEdit& edit) {
    NaiveVersion next = *this;
    if (edit.oldest_log) next.oldest_log = *edit.oldest_log;
    if (next.oldest_log < oldest_log || !remove(edit.removed, next)) return false;
    for (const AddedFile& added : edit.added) {
      if (!add(added, next)) return false;
    }
    *this = next;
    return true;
  }

  [[nodiscard]] std::set<std::uint64_t> on_level(std::uint32_t level) const {
    std::set<std::uint64_t> result;
    for (const auto& [number, file] : files) {
      if (file.first == level) result.insert(number);
    }
    return result;
  }
};

std::string random_key(std::mt19937_64& random) {
  std::string key;
  for (int i = 0; i < 2; ++i) key += static_cast<char>('a' + random() % 12);
  return key;
}

FilePtr random_table(std::mt19937_64& random, std::uint64_t number, std::uint64_t memtable) {
  std::string smallest = random_key(random);
  std::string largest = smallest.substr(0, 1) + random_key(random);
  if (largest < smallest) std::swap(smallest, largest);
  return table(number, smallest, largest, memtable);
}

// Mostly sensible, now and then against the rules.
VersionEdit random_edit(std::mt19937_64& random, const NaiveVersion& model, std::uint64_t& next) {
  VersionEdit edit;
  for (const auto& [number, file] : model.files) {
    if (random() % 6 == 0) edit.removed.push_back({file.first, number});
  }
  if (random() % 20 == 0) edit.removed.push_back({1, random() % next});
  if (random() % 2 == 0) set_oldest_log(edit, model.oldest_log + random() % 3);
  for (std::uint64_t i = random() % 4; i > 0; --i) {
    const auto level = static_cast<std::uint32_t>(random() % 4);
    const std::uint64_t memtable = level > 0 ? 0 : model.oldest_log + random() % 2;
    const std::uint64_t number = random() % 30 == 0 ? 1 + random() % next : next++;
    edit.added.push_back({level, random_table(random, number, memtable)});
  }
  return edit;
}

void expect_queries_agree(std::mt19937_64& random, const Version& version) {
  KeySpan keys;
  const std::string first = random_key(random);
  const std::string last = first + random_key(random);
  if (random() % 4 != 0) keys.first = first;
  if (random() % 4 != 0) keys.last = last;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    Numbers expected;
    std::uint64_t bytes = 0;
    for (const FilePtr& file : version.files(level)) {
      bytes += file->size;
      if (keys.first && file->largest < *keys.first) continue;
      if (keys.last && file->smallest > *keys.last) continue;
      expected.push_back(file->number);
    }
    ASSERT_EQ(numbers(version.overlapping(level, keys)), expected);
    ASSERT_EQ(version.level_bytes(level), bytes);
  }
}

void expect_same(const Version& version, const NaiveVersion& model) {
  Numbers live;
  for (const auto& [number, file] : model.files) live.push_back(number);
  ASSERT_EQ(Numbers(version.live_numbers().begin(), version.live_numbers().end()), live);
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const std::span<const FilePtr> files = version.files(level);
    std::set<std::uint64_t> here;
    for (std::size_t i = 0; i < files.size(); ++i) {
      here.insert(files[i]->number);
      ASSERT_EQ(*files[i], model.files.at(files[i]->number).second);
      if (i == 0) continue;
      if (level == 0) {
        ASSERT_GT(files[i - 1]->memtable_number, files[i]->memtable_number);
      } else {
        ASSERT_LT(files[i - 1]->largest, files[i]->smallest);
      }
    }
    ASSERT_EQ(here, model.on_level(level));
  }
}

TEST(Version, AgreesWithANaiveModelOnRandomEdits) {
  std::mt19937_64 random(test::random_seed());
  int applied = 0;
  int refused = 0;
  for (int run = 0; run < 100; ++run) {
    Version version = version_of({creation()});
    NaiveVersion model;
    std::uint64_t next = 1;
    for (int step = 0; step < 100; ++step) {
      const VersionEdit edit = random_edit(random, model, next);
      const bool expected = model.apply(edit);
      Result<Version> result = version.apply(edit);
      ASSERT_EQ(result.has_value(), expected) << result.status().to_string();
      ++(expected ? applied : refused);
      if (!result) continue;
      version = std::move(*result);
      ASSERT_NO_FATAL_FAILURE(expect_same(version, model));
      ASSERT_NO_FATAL_FAILURE(expect_queries_agree(random, version));
      const Version again = version_of({version_snapshot(version)});
      ASSERT_EQ(fingerprint(again), fingerprint(version));
    }
  }
  EXPECT_GT(applied, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tidelock::manifest
