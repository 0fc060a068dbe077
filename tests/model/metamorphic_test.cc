// The same operations under many settings: sizes, compression, filters, who flushes, how durable,
// how long one waits, how many processes take turns, how they come and go. Every answer has to be
// that of a map, and so the same under all of them.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "model/crew.h"
#include "model/map_player.h"
#include "model/settings.h"
#include "support/seed.h"
#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : fallback;
}

// One run of the trace: who does which part, and how they come and go, is drawn.
class Performance {
 public:
  Performance(const Setting& setting, const Trace& trace, std::uint64_t seed, Board& board)
      : setting_(setting),
        trace_(trace),
        random_(seed),
        directory_(setting.where),
        crew_(setting.processes, directory_.file("db"), options(), trace, board) {}

  // False: a process failed or died, see the board.
  bool play() {
    if (!crew_.open_all()) return false;
    for (std::size_t begin = 0; begin < trace_.size() / setting_.part;) {
      const std::size_t member = random_() % crew_.size();
      const std::size_t end = turn_from(begin);
      if (!turn(member, begin, end)) return false;
      begin = end;
    }
    return crew_.close_all();
  }

 private:
  using Kind = Operation::Kind;

  [[nodiscard]] Options options() const {
    Options made;
    made.mode = OpenMode::kCreateIfMissing;
    made.durability = setting_.durability;
    made.background = setting_.background;
    made.wait.policy = setting_.wait;
    made.wait.deadline = milliseconds(60'000);
    made.handover = setting_.handover;
    made.sync_period = milliseconds(5);
    made.event_log = setting_.restless;
    made.fixed = setting_.fixed;
    return made;
  }
  // What concerns all processes is a turn of its own.
  static bool concerns_all(const Operation& operation) {
    return operation.kind == Kind::kTakeSnapshot || operation.kind == Kind::kDropSnapshot ||
           operation.kind == Kind::kReopen;
  }
  std::size_t turn_from(std::size_t begin) {
    if (concerns_all(trace_[begin])) return begin + 1;
    const std::size_t length = 1 + random_() % 100;
    std::size_t end = begin;
    while (end < trace_.size() && end - begin < length && !concerns_all(trace_[end])) ++end;
    return end;
  }

  bool turn(std::size_t member, std::size_t begin, std::size_t end) {
    const Operation& first = trace_[begin];
    if (first.kind == Kind::kTakeSnapshot) snapshots_ = true;
    if (first.kind == Kind::kReopen) {
      snapshots_ = false;
      if (!come_again(member)) return false;
    } else if (setting_.restless && !snapshots_ && random_() % 8 == 0) {
      if (!come_again(member)) return false;
    }
    return crew_.answer(member, begin, end) &&
           (!concerns_all(first) || crew_.follow(member, begin));
  }

  bool come_again(std::size_t member) {
    switch (setting_.again) {
      case Again::kOne:
        return crew_.reopen(member);
      case Again::kKill:
        return crew_.kill(member);
      case Again::kCopy:
        fs::copy(crew_.place(), crew_.next_place());
        break;
      case Again::kAll:
      case Again::kRebuild:
        break;
    }
    if (!crew_.close_all()) return false;
    if (setting_.again == Again::kRebuild) fs::remove(crew_.place() + "/STATE");
    if (setting_.again == Again::kCopy) {
      fs::remove_all(crew_.place());
      crew_.move_on();
    }
    return crew_.open_all();
  }

  const Setting& setting_;
  const Trace& trace_;
  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  Crew crew_;
  bool snapshots_ = false;  // some may be held
};

struct Met {
  std::uint64_t rolls = 0;
  std::uint64_t flushes = 0;
  std::uint64_t compactions = 0;
  std::uint64_t repeats = 0;
};

// Whether every answer is the expected one; says where it is not.
bool agrees(const Setting& setting, const Trace& trace, const std::vector<Record>& expected,
            const Board& board) {
  for (std::size_t i = 0; i < trace.size() / setting.part; ++i) {
    if (board.answers[i] == expected[i]) continue;
    ADD_FAILURE() << "'" << setting.name << "', operation " << i << ", " << shown(trace[i]) << ": "
                  << board.answers[i].beginning << " instead of " << expected[i].beginning << "; "
                  << board.trouble.data();
    return false;
  }
  return true;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kSteps = 1'200;  // the sanitizers take their time
#else
constexpr std::uint64_t kSteps = 2'000;
#endif

TEST(Settings, ChangeNoAnswer) {
  const std::uint64_t seed = random_seed();
  const std::size_t length =
      std::min<std::size_t>(number_from("TIDELOCK_STEPS", kSteps), kTraceMax);
  std::mt19937_64 random(seed);
  std::vector<Setting> settings = settings_by_hand();
  for (std::uint64_t drawn = number_from("TIDELOCK_DRAWN", 3); drawn > 0; --drawn) {
    settings.push_back(drawn_setting(random));
  }
  const Trace trace = make_trace(seed, length);
  MapPlayer model;
  std::vector<Record> expected;
  for (const Operation& operation : trace) expected.emplace_back(model.answer(operation));
  Met met;
  for (const Setting& setting : settings) {
    SharedValue<Board> board;
    const bool played = Performance(setting, trace, random(), *board).play();
    EXPECT_TRUE(played) << "'" << setting.name << "' ended early: " << board->trouble.data();
    if (!agrees(setting, trace, expected, *board) || !played) break;
    met.rolls += board->rolls;
    met.flushes += board->flushes;
    met.compactions += board->compactions;
    met.repeats += board->repeats;
  }
  const auto shown = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
  std::printf(
      "%zu operations under %zu settings; rolls %llu, flushes %llu, compactions %llu; "
      "told to come again %llu times\n",
      trace.size(), settings.size(), shown(met.rolls), shown(met.flushes), shown(met.compactions),
      shown(met.repeats));
  EXPECT_GE(settings.size(), 24u);
  EXPECT_GE(met.rolls, settings.size());
  EXPECT_GE(met.flushes, 2 * settings.size());
  EXPECT_GE(met.compactions, settings.size());
}

}  // namespace
}  // namespace tidelock::test
