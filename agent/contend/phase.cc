#include "agent/contend/phase.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "agent/clock.h"
#include "agent/contend/faults.h"
#include "agent/random.h"

namespace tidelock::agent::contend {
namespace {

// A directory for the files of one lock, removed with them.
class LockDirectory {
 public:
  static Result<LockDirectory> make(const Settings& settings) {
    const char* named = std::getenv("TMPDIR");
    std::string path = !settings.directory.empty()          ? settings.directory
                       : named != nullptr && *named != '\0' ? named
                                                            : "/tmp";
    path += "/tidelock-contend-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return Status(StatusCode::kIo, "create " + path + ": " + std::strerror(errno));
    }
    return LockDirectory(std::move(path));
  }
  LockDirectory(LockDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  LockDirectory& operator=(LockDirectory&&) = delete;
  ~LockDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  explicit LockDirectory(std::string path) noexcept : path_(std::move(path)) {}
  std::string path_;
};

RoundFigures figures_of(const Arena& arena) {
  Histogram waits;
  std::vector<double> shares;
  double turns = 0, tries = 0, looks = 0, overtakes = 0, cpu_ns = 0, longest_gap_ns = 0;
  for (const Tally& tally : arena.tallies()) {
    waits.merge(tally.wait);
    shares.push_back(static_cast<double>(tally.turns.load()));
    turns += shares.back();
    tries += static_cast<double>(tally.tries.load());
    looks += static_cast<double>(tally.looks.load());
    overtakes += static_cast<double>(tally.overtakes_seen.load());
    cpu_ns += static_cast<double>(tally.cpu_ns.load());
    longest_gap_ns = std::max(longest_gap_ns, static_cast<double>(tally.longest_gap_ns.load()));
  }
  const auto wait_us = [&](double quantile) {
    return static_cast<double>(waits.at_quantile(quantile)) / 1e3;
  };
  const Control& control = arena.control();
  const auto took_ns = static_cast<double>(control.stop_ns.load() - control.start_ns.load());
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  return {.operations_per_second = turns / (took_ns / 1e9),
          .wait_us = {.p50 = wait_us(0.5),
                      .p99 = wait_us(0.99),
                      .p999 = wait_us(0.999),
                      .max = static_cast<double>(waits.max_ns()) / 1e3},
          .jain = jain_index(shares),
          .overtakes_per_acquire = share(overtakes, looks),
          .longest_gap_ms = longest_gap_ns / 1e6,
          .tries_per_success = share(tries, turns),
          .cpu_seconds_per_million = share(cpu_ns / 1e9, turns / 1e6),
          .alone_ns = control.alone_ns.load()};
}

Exclusion verify(const Arena& arena) {
  Exclusion found{.counted = arena.guarded().turns.load()};
  for (const Presence& presence : arena.presences()) found.stays += presence.stays.load();
  for (const Tally& tally : arena.tallies()) found.overlaps += tally.overlaps.load();
  return found;
}

std::string describe(const Exclusion& exclusion) {
  return "mutual exclusion was broken: " + std::to_string(exclusion.stays) + " turns, of which " +
         std::to_string(exclusion.counted) + " were counted under the lock and " +
         std::to_string(exclusion.overlaps) + " overlapped with another";
}

}  // namespace

bool Phases::run_phase(const Entrant& entrant, std::uint64_t seed, const Body& body,
                       Outcome& outcome) {
  const Result<LockDirectory> directory = LockDirectory::make(settings_);
  const Result<Arena> arena = Arena::create(settings_.processes);
  if (!directory || !arena) {
    outcome.failure = !directory ? directory.error() : arena.error();
    return false;
  }
  const Contest contest{.arena = *arena,
                        .make_lock = entrant.make_lock,
                        .site = {.directory = directory->path(),
                                 .mutex = &arena->mutex(),
                                 .stop_ns = &arena->control().stop_ns,
                                 .backoff = settings_.backoff},
                        .stores = stores_,
                        .think_us = settings_.think_us,
                        .seed = seed};
  Crew crew(contest, parent_);
  body(crew, *arena);
  crew.end();
  const Exclusion exclusion = verify(*arena);
  outcome.turns_verified += exclusion.stays;
  if (!exclusion.held()) outcome.problems.push_back(describe(exclusion));
  outcome.accidents.insert(outcome.accidents.end(), crew.accidents().begin(),
                           crew.accidents().end());
  if (outcome.failure.ok()) outcome.failure = arena->first_failure();
  interrupted_ = interrupted_ || crew.interrupted();
  return crew.well();
}

bool Phases::run_round(const Entrant& entrant, std::uint32_t round, Outcome& outcome) {
  std::optional<RoundFigures> figures;
  const auto body = [&](Crew& crew, const Arena& arena) {
    if (!crew.measure_alone_once() || !crew.begin()) return;
    const std::uint64_t start = arena.control().start_ns.load();
    const auto end = start + static_cast<std::uint64_t>(settings_.seconds * 1e9);
    crew.rest_until(end);
    crew.end();
    if (crew.well() || crew.interrupted()) figures = figures_of(arena);
  };
  const bool well = run_phase(entrant, mix(settings_.seed + round), body, outcome);
  if (figures) outcome.rounds.push_back(*figures);
  return well;
}

bool Phases::run_faults(const Entrant& entrant, Outcome& outcome) {
  const auto body = [&](Crew& crew, const Arena& arena) {
    FaultMaker maker(crew, arena);
    if (!crew.begin()) return;
    for (std::uint32_t i = 0; i < settings_.faults; ++i) {
      for (const Fault fault : kFaults) {
        const std::optional<FaultFigures> figures = maker.make(fault);
        if (!figures) return;
        outcome.faults[static_cast<std::size_t>(fault)].push_back(*figures);
      }
    }
  };
  return run_phase(entrant, settings_.seed, body, outcome);
}

}  // namespace tidelock::agent::contend
