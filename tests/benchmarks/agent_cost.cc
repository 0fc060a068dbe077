// What tidelock-agent adds to a get of Tidelock: one process, uniform keys, all in the memtable,
// where a get is quickest. The ways to make the same gets alternate; medians of the rounds.
//   agent_cost DIRECTORY [KEYS]

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/clock.h"
#include "agent/open_store.h"
#include "agent/worker.h"
#include "tidelock/db.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kGets = 100'000;  // a round
constexpr std::size_t kRounds = 31;

enum Way : std::size_t { kBare, kChosen, kSampled, kTimed, kValues, kHistory, kWays };
constexpr std::array<const char*, kWays> kWayNames{
    "Db::get_pinned, and a copy of the value",
    "the same, with keys drawn and named as the agent does",
    "the agent, --verify=none --latency-sample 16",
    "the agent, --verify=none",
    "the agent, --verify=values",
    "the agent, --verify=history",
};

Settings settings_of(Way way, const std::string& directory, std::uint32_t keys) {
  Settings settings;
  settings.directory = directory;
  settings.processes = 1;
  settings.verify = way == kValues    ? Verify::kValues
                    : way == kHistory ? Verify::kHistory
                                      : Verify::kNone;
  settings.latency_sample = way == kSampled ? 16 : 1;
  settings.workload.mix.add(Action::kGet, 1);
  settings.workload.key_count = keys;
  return settings;
}

// That this thread has had of a processor: what others do with it meanwhile does not count.
double processor_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

class Comparison {
 public:
  Comparison(const std::string& directory, std::uint32_t keys)
      : keys_(KeySpace::generated(keys)),
        state_(RunState::create({.slots = 1, .writers = 2, .keys = keys}).value()) {
    for (int writer = 0; writer < 2; ++writer) {
      journals_.push_back(Journal::create("/tmp").value());
      reads_.push_back(ReadLog::create("/tmp").value());
    }
    for (std::size_t way = 0; way < kWays; ++way) {
      settings_.push_back(settings_of(static_cast<Way>(way), directory, keys));
    }
    state_.population().set(keys);
    state_.start_ns().set(now_ns());
    StoreOptions options = store_options(run_of(kHistory));
    options.create = true;
    store_ = settings_.front().store->open(options).value();
    db_.emplace(Db::open(directory, {}).value());
  }

  bool preload() {
    const Run run = run_of(kHistory);
    return Worker(run, store_, store_->session().value(), {.writer = run.preloader()}, 1).preload();
  }
  // Nanoseconds of a processor, of a get.
  double take(Way way, std::uint64_t seed) {
    if (way == kBare) return take_bare(seed);
    if (way == kChosen) return take_chosen(seed);
    const Run run = run_of(way);
    const Assignment assignment{.operations = state_.writers()[0].done() + kGets};
    Worker worker(run, store_, store_->session().value(), assignment, seed);
    return time([&] { return worker.work(); });
  }

 private:
  Run run_of(Way way) {
    return {.settings = settings_[way],
            .keys = keys_,
            .key_order = {},
            .key_places = {},
            .state = state_,
            .journals = way >= kValues ? std::span(journals_) : std::span<Journal>(),
            .reads = way == kHistory ? std::span(reads_) : std::span<ReadLog>(),
            .recorded = {},
            .id = 1};
  }
  template <typename Work>
  static double time(const Work& work) {
    const double begin = processor_ns();
    if (!work()) std::abort();
    return (processor_ns() - begin) / kGets;
  }
  bool get(std::string_view key) {
    const Result<std::optional<PinnedValue>> found = db_->get_pinned(key);
    if (!found || !*found) return false;
    value_.assign((*found)->view());
    return true;
  }
  double take_bare(std::uint64_t seed) {
    Random random(seed);
    std::vector<std::string> names(kGets);
    for (std::string& name : names) (void)keys_.at(random.below(keys_.count()), name);
    return time([&] {
      return std::ranges::all_of(names, [this](const std::string& name) { return get(name); });
    });
  }
  double take_chosen(std::uint64_t seed) {
    Random random(seed);
    KeyChooser chooser(settings_[kChosen].workload.keys, state_.population(), {});
    std::string buffer;
    return time([&] {
      bool found = true;
      for (std::uint64_t i = 0; found && i < kGets; ++i) {
        found = get(keys_.at(chooser.next(random), buffer));
      }
      return found;
    });
  }

  const KeySpace keys_;
  const RunState state_;
  std::vector<Settings> settings_;  // by way
  std::vector<Journal> journals_;
  std::vector<ReadLog> reads_;
  std::unique_ptr<Store> store_;
  std::optional<Db> db_;
  std::string value_;
};

double median(std::vector<double> figures) {
  std::ranges::sort(figures);
  return figures[figures.size() / 2];
}

// Of the rounds, how much longer one way took than another.
double difference(const std::vector<double>& longer, const std::vector<double>& shorter) {
  std::vector<double> differences(longer.size());
  std::ranges::transform(longer, shorter, differences.begin(), std::minus());
  return median(std::move(differences));
}

int compare(const std::string& directory, std::uint32_t keys) {
  Comparison comparison(directory, keys);
  if (!comparison.preload()) return 1;
  std::array<std::vector<double>, kWays> taken;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t turn = 0; turn < kWays; ++turn) {
      const std::size_t way = (round + turn) % kWays;
      taken[way].push_back(comparison.take(static_cast<Way>(way), round + 1));
    }
  }
  std::printf("%u keys; medians of %zu rounds of %lu gets\n%-54s %8s %12s %10s\n", keys, kRounds,
              kGets, "", "ns a get", "bookkeeping", "of a get");
  const double bare = median(taken[kBare]);
  for (std::size_t way = 0; way < kWays; ++way) {
    std::printf("%-54s %8.1f", kWayNames[way], median(taken[way]));
    if (way > kChosen) {
      const double more = difference(taken[way], taken[kChosen]);
      std::printf(" %9.1f ns %8.1f %%", more, more / bare * 100);
    }
    std::puts("");
  }
  return 0;
}

}  // namespace
}  // namespace tidelock::agent

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  const int keys = argc == 3 ? std::atoi(argv[2]) : 100'000;
  return keys < 1 ? 2 : tidelock::agent::compare(argv[1], static_cast<std::uint32_t>(keys));
}
