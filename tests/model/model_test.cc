// Random operations of several processes, checked against std::map after each turn. The processes
// take turns, so that one model is enough; what they do in a turn is drawn from a printed seed.

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "support/child_process.h"
#include "support/open_database.h"
#include "support/shared_value.h"

namespace tidelock {
namespace {

using Model = std::map<std::string, std::string>;

std::uint64_t seed_of_this_run() {
  const char* const given = std::getenv("TIDELOCK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

std::uint64_t steps_of_this_run() {
  const char* const given = std::getenv("TIDELOCK_STEPS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1'000'000;
}

// A deterministic stream of operations; each process replays all of it on its own model, and does
// on the database only those of its turns.
class Player {
 public:
  Player(std::uint64_t seed, std::string path, int me, int players, const std::atomic<int>& failed)
      : random_(seed), path_(std::move(path)), me_(me), players_(players), failed_(failed) {}

  // 0: all agreed. Otherwise the line of the disagreement.
  int play(std::uint64_t steps, std::atomic<std::uint64_t>& turn) {
    reopen();
    for (std::uint64_t step = 0; step < steps;) {
      const std::uint64_t length = 1 + random_() % 400;
      const auto player = static_cast<int>(random_() % static_cast<std::uint64_t>(players_));
      while (turn.load(std::memory_order_acquire) < turns_) {
        if (failed_.load() != 0) return 1;
        std::this_thread::yield();
      }
      const bool mine = player == me_;
      for (std::uint64_t i = 0; i < length; ++i, ++step) {
        if (const int line = one_step(mine); line != 0) return line;
      }
      ++turns_;
      // Everybody has drawn the same numbers; only the one whose turn it was passes it on.
      if (mine) turn.store(turns_, std::memory_order_release);
    }
    return db_->close().ok() ? 0 : __LINE__;
  }

 private:
  void reopen() {
    db_.reset();
    Options options;
    options.mode = OpenMode::kCreateIfMissing;
    options.fixed.memtable_size = std::size_t{1} << 20;
    options.background = me_ % 2 == 0 ? Background::kThread : Background::kNone;
    Result<Db> opened = Db::open(path_, options);
    if (!opened) {
      std::cerr << opened.status().to_string() << "\n";
      std::_Exit(__LINE__ % 200);
    }
    db_.emplace(std::move(*opened));
  }

  std::string key() {
    const std::uint64_t draw = random_();
    std::string result = "k" + std::to_string(draw % 3000);
    if (draw % 11 == 0) result += std::string(draw % 60, static_cast<char>(draw % 256));
    return result;
  }
  std::string value() {
    const std::uint64_t draw = random_();
    return std::string(draw % 97 == 0 ? draw % 9000 : draw % 120, static_cast<char>(draw % 256));
  }

  int one_step(bool mine) {
    const std::uint64_t kind = random_() % 1000;
    if (kind < 450) return put(mine);
    if (kind < 600) return erase(mine);
    if (kind < 680) return batch(mine);
    if (kind < 900) return get(mine);
    if (kind < 990) return walk(mine);
    if (kind < 997) return one_step_forms(mine);
    return maintain(mine);
  }

  int put(bool mine) {
    const std::string k = key();
    const std::string v = value();
    model_[k] = v;
    return !mine || db_->put(k, v).ok() ? 0 : __LINE__;
  }
  int erase(bool mine) {
    const std::string k = key();
    model_.erase(k);
    return !mine || db_->erase(k).ok() ? 0 : __LINE__;
  }
  int batch(bool mine) {
    Batch operations;
    for (std::uint64_t left = random_() % 20; left > 0; --left) {
      const std::string k = key();
      if (random_() % 3 == 0) {
        operations.erase(k);
        model_.erase(k);
      } else {
        const std::string v = value();
        operations.put(k, v);
        model_[k] = v;
      }
    }
    return !mine || db_->write(operations).ok() ? 0 : __LINE__;
  }
  int get(bool mine) {
    const std::string k = key();
    if (!mine) return 0;
    const auto found = db_->get(k);
    const auto expected = model_.find(k);
    if (!found) return __LINE__;
    if (found->has_value() != (expected != model_.end())) return __LINE__;
    return !found->has_value() || **found == expected->second ? 0 : __LINE__;
  }
  int walk(bool mine) {
    const std::string start = key();
    const std::uint64_t moves = random_() % 30;
    const std::uint64_t directions = random_();
    if (!mine) return 0;
    Result<Iterator> made = db_->iterate();
    if (!made) return __LINE__;
    Iterator it = std::move(*made);
    it.seek(start);
    auto at = model_.lower_bound(start);
    for (std::uint64_t i = 0; i < moves; ++i) {
      if (it.valid() != (at != model_.end())) return __LINE__;
      if (!it.valid()) return it.status().ok() ? 0 : __LINE__;
      if (it.key() != at->first || it.value() != at->second) return __LINE__;
      if ((directions >> i & 1) != 0 || at == model_.begin()) {
        it.next();
        ++at;
      } else {
        it.prev();
        --at;
      }
    }
    return 0;
  }
  int one_step_forms(bool mine) {
    const std::string k = key();
    if (!mine) return 0;
    const auto above = db_->above(k);
    const auto below = db_->below(k);
    const auto min = db_->min();
    const auto max = db_->max();
    if (!above || !below || !min || !max) return __LINE__;
    const auto next = model_.upper_bound(k);
    if (above->has_value() != (next != model_.end())) return __LINE__;
    if (*above && (*above)->key != next->first) return __LINE__;
    const auto behind = model_.lower_bound(k);
    if (below->has_value() != (behind != model_.begin())) return __LINE__;
    if (*below && (*below)->key != std::prev(behind)->first) return __LINE__;
    if (min->has_value() == model_.empty()) return __LINE__;
    if (*min && (*min)->key != model_.begin()->first) return __LINE__;
    return !*max || (*max)->key == std::prev(model_.end())->first ? 0 : __LINE__;
  }
  int maintain(bool mine) {
    const std::uint64_t kind = random_() % 40;
    if (!mine) return 0;
    if (kind == 0) reopen();
    if (kind == 1 && !db_->compact().ok()) return __LINE__;
    if (kind > 1 && kind < 6 && !db_->flush().ok()) return __LINE__;
    if (kind == 6) return everything();
    return 0;
  }
  int everything() {
    Result<Iterator> made = db_->iterate();
    if (!made) return __LINE__;
    auto expected = model_.begin();
    for (made->next(); made->valid(); made->next(), ++expected) {
      if (expected == model_.end() || made->key() != expected->first) return __LINE__;
      if (made->value() != expected->second) return __LINE__;
    }
    if (expected != model_.end()) return __LINE__;
    const auto report = db_->check();
    return report && report->problems.empty() ? 0 : __LINE__;
  }

  std::mt19937_64 random_;
  std::string path_;
  int me_;
  int players_;
  const std::atomic<int>& failed_;  // a line in which another player disagreed
  std::uint64_t turns_ = 0;
  Model model_;
  std::optional<Db> db_;
};

class ModelTest : public test::DatabaseTest {};

TEST_F(ModelTest, SeveralProcessesAgreeWithAMapAtEveryStep) {
  const std::uint64_t seed = seed_of_this_run();
  const std::uint64_t steps = steps_of_this_run();
  std::cout << "TIDELOCK_SEED=" << seed << " TIDELOCK_STEPS=" << steps << "\n";
  test::SharedValue<std::atomic<std::uint64_t>> turn;
  test::SharedValue<std::atomic<int>> failed_line;
  constexpr int kPlayers = 3;
  std::vector<test::ChildProcess> players;
  for (int me = 0; me < kPlayers; ++me) {
    players.emplace_back([&, me] {
      const int line = Player(seed, path(), me, kPlayers, *failed_line).play(steps, *turn);
      int none = 0;
      if (line != 0) failed_line->compare_exchange_strong(none, line);
      return line == 0 ? 0 : 1;
    });
  }
  for (auto& player : players) EXPECT_TRUE(test::exited_with(player.wait(), 0));
  EXPECT_EQ(failed_line->load(), 0) << "the line of the step that disagreed";
}

}  // namespace
}  // namespace tidelock
