#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <utility>

#include "damage/live.h"
#include "damage/sample.h"
#include "damage/victims.h"
#include "lock/layout.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/mapping.h"
#include "state/shared_state.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

// STATE, QUEUE and the arenas: caches. In a copied database they do not count, whatever is in them.
// Where they are damaged in place, among processes that use them, that may cost answers and calls,
// but no process.
namespace tidelock::test {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStride = 11;
#else
constexpr std::size_t kStride = 1;
#endif

constexpr std::chrono::milliseconds kHurry{100};

struct Flip {
  std::string file;
  std::size_t at = 0;
  unsigned bit = 0;
};

class SharedDamageTest : public testing::Test {
 protected:
  SharedDamageTest() { all_ = read_files(directory_.file("db")); }

  // A copy with STATE in force.
  [[nodiscard]] std::string live_copy(int child) const {
    const std::string copy = directory_.file("live" + std::to_string(child));
    make_live_copy(copy, all_);
    return copy;
  }

  // Bytes that say anything, and some that do not: one bit of each.
  [[nodiscard]] std::vector<Flip> flips(std::size_t zeroes_one_of) {
    std::vector<Flip> flips;
    for (const auto& [file, bytes] : all_) {
      if (!is_shared(file)) continue;
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        const bool in_layout = file == "STATE" && at < sizeof(state::Layout);
        if (bytes[at] == '\0' && !in_layout && random_() % zeroes_one_of != 0) continue;
        for (unsigned k = 0; k < (is_long() ? 8 : 1); ++k) {
          flips.push_back({file, at, static_cast<unsigned>((at + seed_ + k) % 8)});
        }
      }
    }
    return flips;
  }
  [[nodiscard]] std::vector<Flip> some_of(const std::vector<Flip>& flips, std::size_t one_of) {
    one_of = is_long() ? std::max<std::size_t>(1, one_of / 8) : one_of * kStride;
    std::vector<Flip> some;
    for (std::size_t i = random_() % one_of; i < flips.size(); i += one_of)
      some.push_back(flips[i]);
    return some;
  }

  void flip(const std::string& copy, const Flip& flip) const {
    auto file = os::File::open(copy + "/" + flip.file, os::FileAccess::kReadWrite);
    std::byte byte = static_cast<std::byte>(all_.at(flip.file)[flip.at]);
    byte ^= static_cast<std::byte>(1 << flip.bit);
    if (file) (void)file->write(flip.at, std::span(&byte, 1));
  }

  static void expect_no_faults(const char* what, const Tally& tally, std::size_t count) {
    for (const std::string& fault : tally.faults) ADD_FAILURE() << fault;
    EXPECT_EQ(tally.all(), count);
    std::printf("%s: %zu damages: %llu the same, %llu other answers, %llu refused\n", what, count,
                static_cast<unsigned long long>(tally.of(Outcome::kSame)),
                static_cast<unsigned long long>(tally.of(Outcome::kReported)),
                static_cast<unsigned long long>(tally.of(Outcome::kRefused)));
    std::fflush(stdout);
  }

  const std::uint64_t seed_ = random_seed();
  std::mt19937_64 random_{seed_};
  const TemporaryDirectory directory_{Where::kMemory};
  const Sample sample_ =
      make_sample(directory_.file("db"), Compression::kNone, Shape::kTablesAndLog);
  Files all_;
};

TEST_F(SharedDamageTest, IsNothingToACopiedDatabase) {
  const std::vector<Flip> damages = some_of(flips(4'000), 32);
  const auto work = [&](int child, std::size_t i) -> Verdict {
    const std::string copy = directory_.file("copy" + std::to_string(child));
    fs::remove_all(copy);
    write_sparse_files(copy, all_);
    flip(copy, damages[i]);
    return read_all({sample_, copy, {}, i / kChildren % 4 == 0});
  };
  const Tally tally = run_in_children(damages.size(), work, [&](std::size_t i) {
    return damages[i].file + " at " + std::to_string(damages[i].at);
  });
  expect_no_faults("copied", tally, damages.size());
  EXPECT_EQ(tally.of(Outcome::kSame), damages.size());
  EXPECT_GE(damages.size(), 300u / kStride);
}

TEST_F(SharedDamageTest, AsWholeFilesIsNothingToACopiedDatabase) {
  std::vector<std::pair<std::string, Files>> damages;
  for (const auto& [file, bytes] : all_) {
    if (!is_shared(file)) continue;
    std::string garbage = bytes;
    for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 70'000); ++i) {
      garbage[i] = static_cast<char>(random_());
    }
    for (const std::string& other : {std::string(), bytes.substr(0, bytes.size() / 2),
                                     bytes + bytes, std::string(bytes.size(), '\0'), garbage}) {
      Files files = all_;
      files[file] = other;
      damages.emplace_back(file + " of " + std::to_string(other.size()), files);
    }
    Files files = all_;
    files.erase(file);
    damages.emplace_back(file + " missing", files);
  }
  const auto work = [&](int child, std::size_t i) -> Verdict {
    const std::string copy = directory_.file("copy" + std::to_string(child));
    fs::remove_all(copy);
    write_sparse_files(copy, damages[i / 2].second);
    return read_all({sample_, copy, {}, i % 2 == 0});
  };
  const Tally tally = run_in_children(2 * damages.size(), work,
                                      [&](std::size_t i) { return damages[i / 2].first; });
  expect_no_faults("copied", tally, 2 * damages.size());
  EXPECT_EQ(tally.of(Outcome::kSame), 2 * damages.size());
}

TEST_F(SharedDamageTest, InPlaceCrashesAndHangsNobody) {
  const std::vector<Flip> damages = some_of(flips(2'000), 8);
  const auto work = [&](int child, std::size_t i) -> Verdict {
    const std::string copy = live_copy(child);
    flip(copy, damages[i]);
    return use(copy, sample_, i % 3 == 0 ? Access::kReadOnly : Access::kReadWrite, kHurry);
  };
  const Tally tally = run_in_children(damages.size(), work, [&](std::size_t i) {
    return damages[i].file + " at " + std::to_string(damages[i].at) + " bit " +
           std::to_string(damages[i].bit);
  });
  expect_no_faults("in place", tally, damages.size());
  EXPECT_GE(tally.of(Outcome::kSame), damages.size() / 4) << "the state is in force";
  EXPECT_GE(damages.size(), 1'200u / kStride);
}

TEST_F(SharedDamageTest, ByGarbageInPlaceCrashesAndHangsNobody) {
  const std::size_t count = is_long() ? 2'000 : 150 / kStride + 10;
  const auto work = [&](int child, std::size_t i) -> Verdict {
    const std::string copy = live_copy(child);
    std::mt19937_64 random(seed_ + i);
    for (const auto& [name, bytes] : all_) {
      if (!is_shared(name) || random() % 2 == 0) continue;
      // From somewhere on, so that the beginning, with what tells whether it is in force, may stay.
      std::string garbage = bytes.substr(0, std::size_t{1} << 16);
      const std::size_t from = random() % 3 == 0 ? 0 : 64 + random() % 2'000;
      for (std::size_t at = from; at < garbage.size(); ++at) {
        garbage[at] = static_cast<char>(random() % 4 == 0 ? random() : 0xff * (random() % 2));
      }
      auto file = os::File::open(copy + "/" + name, os::FileAccess::kReadWrite);
      if (file) (void)file->write(0, std::as_bytes(std::span(garbage)));
    }
    return use(copy, sample_, i % 3 == 0 ? Access::kReadOnly : Access::kReadWrite, kHurry);
  };
  const Tally tally = run_in_children(
      count, work, [this](std::size_t i) { return "garbage " + std::to_string(seed_ + i); });
  expect_no_faults("garbage", tally, count);
}

// Words of STATE that lead out of bounds, or nowhere, under the process that uses it.
TEST_F(SharedDamageTest, OfSingleWordsEndsCallsAndNothingElse) {
  using Change = std::function<void(state::Layout&)>;
  const auto with_memtables = [](const std::function<void(state::MemtableHalf&)>& change) {
    return [change](state::Layout& shared) {
      state::MemtableHalf half = shared.memtables.load().value;
      change(half);
      shared.memtables.publish(shared.memtables.number() + 1, half);
    };
  };
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 62;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"many memtables", with_memtables([](auto& half) { half.count = kHuge; })},
      {"no memtable", with_memtables([](auto& half) { half.count = 0; })},
      {"active log", with_memtables([](auto& half) { half.active().log_number = kHuge; })},
      {"arena size", with_memtables([](auto& half) { half.active().arena_size = kHuge; })},
      {"base", with_memtables([](auto& half) { half.active().base_lsn = kHuge; })},
      {"leader", [](state::Layout& shared) { shared.sync.leader = ~std::uint64_t{0}; }},
      {"spare", [](state::Layout& shared) { shared.spare.number = kHuge; }},
      {"end",
       [](state::Layout& shared) {
         shared.end.publish(kHuge, {kHuge, kHuge, 0});
       }},
      {"applied", [](state::Layout& shared) { shared.applied.publish(0, {}); }},
      {"durable", [](state::Layout& shared) { shared.durable_lsn = 0; }},
      {"oldest log", [](state::Layout& shared) {
         state::TableHalf half = shared.tables.load().value;
         half.oldest_log = kHuge;
         shared.tables.publish(shared.tables.number() + 1, half);
       }}};
  const auto work = [&](int child, std::size_t i) -> Verdict {
    const std::string copy = live_copy(child);
    Options options;
    options.background = i % 2 == 0 ? Background::kNone : Background::kThread;
    options.wait.deadline = std::chrono::milliseconds(100);
    Result<Db> db = Db::open(copy, options);
    if (!db) return {Outcome::kViolation, db.error().to_string()};
    auto state = state::SharedState::map(copy, os::Protection::kReadWrite);
    changes[i / 2].second(***state);
    bool refused = false;
    const auto hear = [&refused](const Status& status) { refused = refused || !status.ok(); };
    hear(db->get("key1000").status());
    hear(db->put("key", "value", {.durability = Durability::kDurable}));
    hear(db->flush());
    hear(db->compact());
    hear(db->check().status());
    hear(db->close());
    return {refused ? Outcome::kRefused : Outcome::kSame, {}};
  };
  const Tally tally = run_in_children(2 * changes.size(), work,
                                      [&](std::size_t i) { return changes[i / 2].first; });
  expect_no_faults("words", tally, 2 * changes.size());
}

// Processes that have it open while somebody fills STATE and QUEUE with garbage.
TEST_F(SharedDamageTest, UnderLiveProcessesCrashesAndHangsNobody) {
  const int rounds = is_long() ? 200 : 12;
  int alive = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string copy = live_copy(0);
    SharedValue<std::atomic<int>> started;
    SharedValue<std::atomic<bool>> over;
    const auto user = [&](Access access) {
      return ChildProcess([&, access] {
        Options options;
        options.access = access;
        options.background = access == Access::kReadWrite ? Background::kThread : Background::kNone;
        options.wait.deadline = std::chrono::milliseconds(100);
        Result<Db> db = Db::open(copy, options);
        started->fetch_add(1);
        if (!db) return 1;
        while (!over->load()) {
          for (const auto& [key, value] : sample_.entries) (void)db->get(key);
          Result<Iterator> at = db->iterate();
          if (at) {
            for (at->seek_first(); at->valid(); at->next()) {
            }
          }
          if (access == Access::kReadWrite) (void)db->put("key", "value");
        }
        (void)db->close();
        return 0;
      });
    };
    std::vector<ChildProcess> users;
    for (const Access access :
         {Access::kReadOnly, Access::kReadOnly, Access::kReadWrite, Access::kReadWrite}) {
      users.push_back(user(access));
    }
    ASSERT_TRUE(comes_true([&] { return started->load() == 4; }));
    const std::string names[] = {"STATE", "QUEUE"};
    const std::string& name = names[round % 2];
    auto file = os::File::open(copy + "/" + name, os::FileAccess::kReadWrite);
    ASSERT_TRUE(file.has_value());
    for (int i = 0; i < 40; ++i) {
      std::string garbage(1 + random_() % 400, '\0');
      for (char& c : garbage) c = static_cast<char>(random_());
      const std::size_t used = name == "STATE" ? sizeof(state::Layout) : 20'000;
      (void)file->write(random_() % used, std::as_bytes(std::span(garbage)));
      os::sleep_for(std::chrono::milliseconds(1));
    }
    over->store(true);
    for (ChildProcess& child : users) {
      const bool ended = comes_true([&] { return child.has_ended(); });
      EXPECT_TRUE(ended) << "round " << round;
      if (!ended) continue;
      const int status = child.wait();
      EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status) << " in round " << round;
      if (exited_with(status, 0)) ++alive;
    }
  }
  std::printf("live: %d rounds, %d processes outlived them\n", rounds, alive);
  EXPECT_GE(alive, 3 * rounds) << "the others were too late to open it";
}

}  // namespace
}  // namespace tidelock::test
