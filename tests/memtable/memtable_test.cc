#include "memtable/memtable.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "model.h"
#include "shared_arena.h"
#include "support/seed.h"

namespace tidelock::memtable {
namespace {

using std::string_literals::operator""s;

// A memtable and its model; operations get consecutive sequence numbers.
class Pair {
 public:
  explicit Pair(std::uint64_t size = 4 << 20) : arena_(size), writer_(arena_.writer()) {}

  void put(std::string key, std::string value) {
    apply({++sequence_, OperationKind::kPut, std::move(key), std::move(value)});
  }
  void erase(std::string key) { apply({++sequence_, OperationKind::kErase, std::move(key), ""}); }
  void apply(const Step& step) {
    const Result<Applied> applied = writer_.insert(step.operation());
    ASSERT_TRUE(applied) << applied.error().to_string();
    EXPECT_EQ(*applied, Applied::kInserted);
    model_.apply(step);
  }
  void check() const {
    EXPECT_TRUE(is_sound(reader()));
    for (std::uint64_t at = 0; at <= sequence_; at += std::max<std::uint64_t>(1, sequence_ / 7)) {
      EXPECT_TRUE(agrees(reader(), model_, at)) << "at " << at;
    }
    EXPECT_TRUE(agrees(reader(), model_, kAllSequences));
  }
  [[nodiscard]] Memtable reader() const { return arena_.reader(); }
  [[nodiscard]] const MemtableWriter& writer() const { return writer_; }
  [[nodiscard]] const SharedArena& arena() const { return arena_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

 private:
  SharedArena arena_;
  MemtableWriter writer_;
  Model model_;
  std::uint64_t sequence_ = 0;
};

TEST(Memtable, WithoutKeysFindsNothing) {
  const Pair empty;
  EXPECT_EQ(empty.reader().lookup("", kAllSequences)->kind, Lookup::Kind::kMissing);
  EXPECT_EQ(empty.reader().lookup("key", kAllSequences)->kind, Lookup::Kind::kMissing);
  MemtableIterator it = empty.reader().iterate(kAllSequences);
  EXPECT_FALSE(it.valid());
  it.seek_first();
  EXPECT_FALSE(it.valid());
  it.seek_last();
  EXPECT_FALSE(it.valid());
  it.seek("");
  EXPECT_FALSE(it.valid());
  it.seek_before("x");
  EXPECT_FALSE(it.valid());
  empty.check();
}

TEST(Memtable, FindsWhatWasPut) {
  Pair pair;
  pair.put("one", "1");
  pair.put("two", "2");
  const Result<Lookup> found = pair.reader().lookup("two", kAllSequences);
  EXPECT_EQ(found->kind, Lookup::Kind::kValue);
  EXPECT_EQ(found->value, "2");
  EXPECT_EQ(found->sequence, 2U);
  EXPECT_EQ(pair.reader().lookup("three", kAllSequences)->kind, Lookup::Kind::kMissing);
  pair.check();
}

TEST(Memtable, ShowsEachSequenceItsOwnVersion) {
  Pair pair;
  pair.put("key", "first");
  pair.erase("key");
  pair.put("key", "third");
  EXPECT_EQ(pair.reader().lookup("key", 0)->kind, Lookup::Kind::kMissing);
  EXPECT_EQ(pair.reader().lookup("key", 1)->value, "first");
  EXPECT_EQ(pair.reader().lookup("key", 2)->kind, Lookup::Kind::kTombstone);
  EXPECT_EQ(pair.reader().lookup("key", 3)->value, "third");
  EXPECT_EQ(pair.reader().lookup("key", kAllSequences)->sequence, 3U);
  pair.check();
}

TEST(Memtable, SkipsAnOperationNotNewerThanWhatItHas) {
  const Pair pair;
  const auto insert = [&](std::uint64_t sequence, const char* value) {
    return pair.writer().insert({sequence, OperationKind::kPut, "key", value}).value();
  };
  EXPECT_EQ(insert(5, "five"), Applied::kInserted);
  const std::uint64_t free = pair.writer().free_bytes();
  EXPECT_EQ(insert(5, "again"), Applied::kAlreadyThere);
  EXPECT_EQ(insert(4, "older"), Applied::kAlreadyThere);
  EXPECT_EQ(pair.writer().free_bytes(), free);
  EXPECT_EQ(pair.reader().lookup("key", kAllSequences)->value, "five");
  EXPECT_EQ(insert(6, "six"), Applied::kInserted);
}

TEST(Memtable, CountsKeysEntriesTombstonesAndBytes) {
  Pair pair;
  pair.put("key", "value");
  pair.put("key", "v");
  pair.erase("other");
  const Counters counters = pair.reader().counters();
  EXPECT_EQ(counters.keys, 2U);
  EXPECT_EQ(counters.entries, 3U);
  EXPECT_EQ(counters.tombstones, 1U);
  EXPECT_EQ(counters.user_bytes, 8U + 4 + 5);
}

TEST(Memtable, TakesTheEmptyKeyAndEmptyValues) {
  Pair pair;
  pair.put("", "");
  pair.check();
  pair.put("a", "");
  pair.put("", "again");
  pair.check();
}

TEST(Memtable, TakesKeysThatArePrefixesOfOthersInAnyOrder) {
  std::vector<std::string> keys = {
      "",     "a",     "ab",   "abc",     "abcdefghijklmnopqrstuvwxyz", "abd", "b", "\0"s, "\0\0"s,
      "a\0"s, "a\xff", "\xff", "\xff\xff"};
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 50; ++round) {
    std::shuffle(keys.begin(), keys.end(), random);
    Pair pair(64 << 10);
    for (const std::string& key : keys) pair.put(key, "of " + key);
    pair.check();
  }
}

TEST(Memtable, OrdersBytesAsUnsigned) {
  Pair pair;
  for (const char* key : {"\x7f", "\x80", "\xff", "\x01"}) pair.put(key, "");
  MemtableIterator it = pair.reader().iterate(kAllSequences);
  std::string order;
  for (it.seek_first(); it.valid(); it.next()) order += it.key();
  EXPECT_EQ(order, "\x01\x7f\x80\xff");
}

TEST(Memtable, TakesTheLongestKeysAndNoLonger) {
  Pair pair;
  const std::string longest(kKeyBytesMax, 'k');
  pair.put(longest, "whole");
  pair.put(longest.substr(1), "one byte less");
  pair.put(longest.substr(0, 60'000), "much less");
  pair.put("", "none");
  pair.check();
  EXPECT_EQ(pair.writer().insert({9, OperationKind::kPut, longest + "k", ""}).error().code(),
            StatusCode::kTooLarge);
}

TEST(Memtable, RefusesAValueBeyondItsLimit) {
  const Pair pair;
  const char byte = 'v';
  const std::string_view huge(&byte, kValueBytesMax + 1);  // refused before it is read
  EXPECT_EQ(pair.writer().insert({1, OperationKind::kPut, "key", huge}).error().code(),
            StatusCode::kTooLarge);
}

TEST(Memtable, TellsKeysApartThatDifferFarBehind) {
  Pair pair(16 << 20);
  const std::string common(60'000, 'x');
  for (const char* end : {"b", "a", "c", "ab", ""}) pair.put(common + end, end);
  std::string early = common;
  early[3] = 'w';
  pair.put(early, "parts early");
  std::string middle = common;
  middle[30'000] = 'y';
  pair.put(middle, "parts in the middle");
  for (int i = 0; i < 60; ++i) pair.put(common.substr(0, 59'000) + static_cast<char>(i), "");
  pair.check();
  EXPECT_EQ(pair.reader().lookup(common + "d", kAllSequences)->kind, Lookup::Kind::kMissing);
}

TEST(Memtable, TakesKeysThatEachExtendTheLast) {
  Pair pair(64 << 20);
  for (std::size_t length = 0; length < 600; ++length) pair.put(std::string(length, 'a'), "");
  pair.check();
  for (std::size_t length = 1'000; length > 600; --length) pair.put(std::string(length, 'a'), "");
  EXPECT_TRUE(is_sound(pair.reader()));
}

TEST(Memtable, GrowsThroughAllKindsOfNodesAtAnyDepth) {
  std::mt19937_64 random(test::random_seed());
  for (const std::size_t depth : {0, 1, 7, 8, 9, 300}) {
    Pair pair;
    std::vector<int> bytes(256);
    for (int i = 0; i < 256; ++i) bytes[static_cast<std::size_t>(i)] = i;
    std::shuffle(bytes.begin(), bytes.end(), random);
    for (const int byte : bytes) {
      pair.put(std::string(depth, 'p') + static_cast<char>(byte) + "end", std::to_string(byte));
      if (byte % 16 == 0) pair.put(std::string(depth, 'p') + static_cast<char>(byte), "");
    }
    pair.check();
  }
}

TEST(Memtable, SeeksToTheFirstKeyNotBelowAndTheLastBelow) {
  Pair pair;
  const std::vector<std::string> keys = {"", "b", "bb", "bbbbbbbbbbbb", "bd", "d", "d\0"s};
  for (const std::string& key : keys) pair.put(key, "");
  const std::vector<std::string> targets = {"",
                                            "\0"s,
                                            "a",
                                            "b",
                                            "ba",
                                            "bb",
                                            "bbb",
                                            "bbbbbbbbbbb",
                                            "bbbbbbbbbbbb",
                                            "bbbbbbbbbbbbb",
                                            "bc",
                                            "bd",
                                            "be",
                                            "bda",
                                            "c",
                                            "d",
                                            "d\0"s,
                                            "d\0\0"s,
                                            "e",
                                            "\xff"};
  MemtableIterator it = pair.reader().iterate(kAllSequences);
  for (const std::string& target : targets) {
    const auto at = std::lower_bound(keys.begin(), keys.end(), target);
    it.seek(target);
    ASSERT_EQ(it.valid(), at != keys.end()) << shown(target);
    if (it.valid()) {
      EXPECT_EQ(it.key(), *at);
    }
    it.seek_before(target);
    ASSERT_EQ(it.valid(), at != keys.begin()) << shown(target);
    if (it.valid()) {
      EXPECT_EQ(it.key(), *std::prev(at));
    }
  }
}

TEST(Memtable, WalksOverKeysYoungerThanItsSequence) {
  Pair pair;
  pair.put("b", "old");
  pair.put("d", "old");
  const std::uint64_t then = pair.sequence();
  for (const char* key : {"a", "c", "e", "b"}) pair.put(key, "new");
  MemtableIterator it = pair.reader().iterate(then);
  it.seek("");
  ASSERT_TRUE(it.valid());
  EXPECT_EQ(it.key(), "b");
  EXPECT_EQ(it.value(), "old");
  it.next();
  EXPECT_EQ(it.key(), "d");
  it.seek_before("d");
  EXPECT_EQ(it.key(), "b");
  it.seek_before("b");
  EXPECT_FALSE(it.valid());
  it.seek("dd");
  EXPECT_FALSE(it.valid());
}

TEST(Memtable, ChangesDirectionAtEveryKey) {
  Pair pair;
  for (int i = 0; i < 400; ++i) pair.put(std::to_string(i * 7919 % 400), "");
  MemtableIterator it = pair.reader().iterate(kAllSequences);
  it.seek_first();
  for (std::string last; it.valid();) {
    last = it.key();
    it.next();
    if (!it.valid()) break;
    const std::string here(it.key());
    it.previous();
    ASSERT_TRUE(it.valid());
    EXPECT_EQ(it.key(), last);
    it.next();
    EXPECT_EQ(it.key(), here);
  }
  EXPECT_TRUE(it.status().ok());
}

TEST(Memtable, StaysWhereItIsWhileKeysArrive) {
  Pair pair;
  for (int i = 0; i < 300; i += 2) pair.put("k" + std::to_string(1000 + i), "old");
  MemtableIterator it = pair.reader().iterate(pair.sequence());
  it.seek_first();
  for (int i = 0; i < 300; i += 2) {
    ASSERT_TRUE(it.valid());
    EXPECT_EQ(it.key(), "k" + std::to_string(1000 + i));
    EXPECT_EQ(it.value(), "old");
    pair.put("k" + std::to_string(1001 + i), "new");
    pair.put("k" + std::to_string(1298 - i), "new");
    pair.put("k" + std::string(1, static_cast<char>(i)), "new");
    it.next();
  }
  EXPECT_FALSE(it.valid());
  pair.check();
}

TEST(Memtable, CanBeReadThroughAMappingWithoutWritePermission) {
  Pair pair;
  for (int i = 0; i < 1000; ++i) pair.put(std::to_string(i), std::to_string(i * i));
  const std::span<std::byte> bytes = pair.arena().bytes();
  ASSERT_EQ(::mprotect(bytes.data(), bytes.size(), PROT_READ), 0);
  pair.check();
}

TEST(Memtable, KeepsViewsWhileItGrows) {
  Pair pair;
  pair.put("key", "value");
  const std::string_view value = pair.reader().lookup("key", kAllSequences)->value;
  for (int i = 0; i < 1000; ++i) pair.put(std::to_string(i), "");
  pair.put("key", "another");
  EXPECT_EQ(value, "value");
}

TEST(Memtable, ReachesBeyondFourGibibytes) {
  const SharedArena arena = SharedArena::sparse(kArenaBytesMax);
  const MemtableWriter writer = arena.writer();
  Model model;
  const auto insert = [&](const Step& step) {
    ASSERT_TRUE(writer.insert(step.operation()));
    model.apply(step);
  };
  std::uint64_t sequence = 0;
  for (const std::uint64_t gibibytes : {0, 3, 4, 5, 8, 15}) {
    if (gibibytes != 0) arena.header().entries_end.store(gibibytes << 30);
    for (int i = 0; i < 300; ++i) {
      insert({++sequence, OperationKind::kPut, std::to_string(i * i), std::to_string(gibibytes)});
    }
    EXPECT_TRUE(is_sound(arena.reader()));
    EXPECT_TRUE(agrees(arena.reader(), model, kAllSequences));
    EXPECT_TRUE(agrees(arena.reader(), model, 300));
  }
}

TEST(Memtable, ThatIsFullRefusesAndKeepsWhatItHas) {
  Pair pair(kArenaBytesMin);
  const std::string value(100, 'v');
  int taken = 0;
  for (;; ++taken) {
    const Step step{pair.sequence() + 1, OperationKind::kPut, "key" + std::to_string(taken), value};
    Demand demand;
    demand.add(step.key.size(), step.value.size());
    if (!pair.writer().can_take(demand)) break;
    pair.put(step.key, step.value);
  }
  EXPECT_GT(taken, 10);
  const std::string too_large(pair.writer().free_bytes(), 'v');
  EXPECT_EQ(pair.writer().insert({999, OperationKind::kPut, "key", too_large}).error().code(),
            StatusCode::kLimit);
  pair.check();
}

// Keys that make many nodes from few bytes: forks, then growth of each node at the same time.
std::vector<std::string> node_hungry_keys(std::size_t count, std::mt19937_64& random) {
  std::vector<std::string> keys;
  const std::size_t fan_out = std::vector<std::size_t>{2, 5, 17, 49, 256}[random() % 5];
  for (std::size_t i = 0; keys.size() < count; ++i) {
    for (std::size_t parent = 0; parent < 8 && keys.size() < count; ++parent) {
      keys.push_back(std::string(1, static_cast<char>(parent)) + std::string(i / fan_out, 'x') +
                     static_cast<char>(i % fan_out));
    }
  }
  if (random() % 2 == 0) std::shuffle(keys.begin(), keys.end(), random);
  return keys;
}

TEST(Memtable, TakesAllThatItSaidItCanTake) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 60; ++round) {
    const SharedArena arena((64 << 10) + (random() % 256) * kArenaGrain);
    const MemtableWriter writer = arena.writer();
    const std::vector<std::string> keys = node_hungry_keys(2'000, random);
    std::uint64_t sequence = 0;
    bool full = false;
    while (!full && sequence < keys.size()) {
      const std::size_t batch = std::min<std::size_t>(1 + random() % 60, keys.size() - sequence);
      Demand demand;
      for (std::size_t i = 0; i < batch; ++i) demand.add(keys[sequence + i].size(), 0);
      full = !writer.can_take(demand);
      for (std::size_t i = 0; !full && i < batch; ++i) {
        const std::string& key = keys[sequence];
        ASSERT_TRUE(writer.insert({++sequence, OperationKind::kPut, key, ""})) << sequence;
      }
    }
    ASSERT_TRUE(full || sequence == keys.size());
    ASSERT_TRUE(is_sound(arena.reader()));
  }
}

TEST(Memtable, OfTheSizeADemandNamesTakesIt) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 40; ++round) {
    const std::vector<std::string> keys = node_hungry_keys(1 + random() % 3'000, random);
    Demand demand;
    for (const std::string& key : keys) demand.add(key.size(), key.size() % 40);
    const SharedArena arena(std::max(demand.fresh_arena_bytes(), kArenaBytesMin));
    const MemtableWriter writer = arena.writer();
    EXPECT_TRUE(writer.can_take(demand));
    std::uint64_t sequence = 0;
    const std::string value(40, 'v');
    for (const std::string& key : keys) {
      const std::string_view part = std::string_view(value).substr(0, key.size() % 40);
      ASSERT_TRUE(writer.insert({++sequence, OperationKind::kPut, key, part}));
    }
  }
}

}  // namespace
}  // namespace tidelock::memtable
