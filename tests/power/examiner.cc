#include "power/examiner.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "os/crash_point.h"
#include "power/client.h"
#include "power/recorder.h"

namespace tidelock::test {

namespace {

using os::SystemCall;

constexpr std::size_t kCutsOfARecovery = 3;
constexpr unsigned kSecondsMax = 60;  // for one state, on the slowest machine

}  // namespace

bool Totals::fail(const std::string& problem) {
  if (failed.test_and_set()) return false;
  std::snprintf(failure, sizeof failure, "%s", problem.c_str());
  return true;
}

std::string read_all(Db& db, std::map<std::string, std::string>& found) {
  Result<Iterator> entry = db.iterate();
  if (!entry) return "iterate: " + entry.status().to_string();
  for (entry->seek_first(); entry->valid(); entry->next()) {
    found.emplace(entry->key(), entry->value());
  }
  return entry->status().ok() ? "" : "iterate: " + entry->status().to_string();
}

std::string find_problem(Db& db) {
  const Result<CheckReport> report = db.check();
  if (!report) return "check: " + report.status().to_string();
  return report->problems.empty() ? "" : "check: " + report->problems.front();
}

std::vector<std::uint64_t> random_cuts(Recording& recording, std::size_t count, Random& random) {
  const std::uint64_t end = recording.tick();
  std::vector<const Operation*> marks;
  for (const Operation& operation : recording.operations()) {
    const bool append =
        operation.call == SystemCall::kStore || operation.call == SystemCall::kWrite;
    const bool opening = operation.call == SystemCall::kOpen && !operation.created;
    if (!append && !opening) marks.push_back(&operation);
  }
  std::vector<std::uint64_t> cuts(count);
  for (std::uint64_t& cut : cuts) {
    cut = 1 + random() % end;
    if (marks.empty() || random() % 2 == 0) continue;
    const Operation& mark = *marks[random() % marks.size()];
    const std::uint64_t done = mark.end.load();
    const std::uint64_t at = done == Operation::kNever || random() % 2 == 0 ? mark.begin : done;
    cut = std::min(end, at + random() % 3);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

Examiner::Examiner(Totals& totals, Setting setting)
    : totals_(totals), setting_(std::move(setting)) {
  for (std::size_t i = 0; i < setting_.depth; ++i) {
    lives_.push_back(std::make_unique<History>(kValueSeed));
  }
}

void Examiner::examine_cuts(const Life& life, const std::vector<std::uint64_t>& cuts,
                            std::size_t depth, Random& random) {
  Disk disk(life.start, life.history.recording().operations());
  for (const std::uint64_t cut : cuts) {
    if (totals_.failed.test()) return;
    disk.run_until(cut);
    CrashState state = disk.cut(random);
    life.left_over.add_to(state, random);
    const Case one{life, state, cut, depth, any_way(depth, random)};
    note(one);
    examine(one, random);
  }
}

// Reading is cheap, so it is what most states are for.
Examiner::Way Examiner::any_way(std::size_t depth, Random& random) const {
  const std::uint64_t kind = random() % 10;
  if (kind < 6) return Way::kRead;
  return kind < 8 || depth + 1 == lives_.size() ? Way::kGoOn : Way::kCutAgain;
}

void Examiner::note(const Case& one) {
  static constexpr const char* kWays[] = {"read", "gone on with", "gone on with and cut again"};
  std::snprintf(setting_.under_way, kNoteSize, "cut %zu at %llu, %s", one.depth + 1,
                static_cast<unsigned long long>(one.cut), kWays[static_cast<int>(one.way)]);
  totals_.states.fetch_add(1);
  if (one.depth > 0) totals_.in_recovery.fetch_add(1);
  if (one.way == Way::kRead) totals_.read_only.fetch_add(1);
  if (one.way == Way::kCutAgain) totals_.recorded.fetch_add(1);
  if (!one.state.directory) totals_.lost_directory.fetch_add(1);
  if (one.state.damage.sectors > 0) totals_.lost_sectors.fetch_add(1);
  if (one.state.damage.sizes > 0) totals_.old_lengths.fetch_add(1);
  if (one.state.damage.names > 0) totals_.old_names.fetch_add(1);
}

// Reads it only, or goes on with it, or cuts the power again while it is recovered and written. A
// state that hangs ends the process.
void Examiner::examine(const Case& one, Random& random) {
  ::alarm(kSecondsMax);
  const std::string path = setting_.scratch + "/db";
  make_directory_of(one.state, path);
  const std::string problem = one.way == Way::kRead ? read_only(one, random) : live_on(one, random);
  std::filesystem::remove_all(path);
  ::alarm(0);
  if (!problem.empty()) return report(one, problem);
  if (one.way != Way::kCutAgain) return;
  History& next = *lives_[one.depth];
  const Life again{next, one.state.files, one.life.left_over, one.life.memtable_size};
  examine_cuts(again, random_cuts(next.recording(), kCutsOfARecovery, random), one.depth + 1,
               random);
}

std::string Examiner::read_only(const Case& one, Random& random) {
  Options reading;
  reading.access = Access::kReadOnly;
  Result<Db> db = Db::open(setting_.scratch + "/db", reading);
  if (!db) {
    const bool none =
        db.error().code() == StatusCode::kNotFound && !one.state.files.contains("CURRENT");
    if (!none) return "open: " + db.error().to_string();
    return one.life.history.judge({}, {one.cut, one.cut}).problem;
  }
  std::string problem = look(*db, one, nullptr);
  if (problem.empty() && random() % 4 == 0) problem = find_problem(*db);
  return problem;
}

// The life after the cut: what is wrong with it.
std::string Examiner::live_on(const Case& one, Random& random) {
  const std::string path = setting_.scratch + "/db";
  History& next = *lives_[one.depth];
  next.begin(one.life.history.next_write());
  os::set_crash_point_visitor(History::visit);
  std::optional<Recorder> recorder;
  if (one.way == Way::kCutAgain) recorder.emplace(next.recording(), path);
  Client client(next, {path, one.life.memtable_size, 25}, random());
  if (Status status = client.open(); !status.ok()) return "open: " + status.to_string();
  if (std::string problem = look(client.db(), one, &next); !problem.empty()) return problem;
  if (std::string problem = find_problem(client.db()); !problem.empty()) return problem;
  for (std::uint64_t i = random() % 10; i > 0; --i) client.act();
  if (Status status = client.open_again(); !status.ok()) {
    return "open again: " + status.to_string();
  }
  if (Status status = client.write(Durability::kDurable); !status.ok()) return status.to_string();
  client.close();
  return {};
}

std::string Examiner::look(Db& db, const Case& one, History* next) {
  std::map<std::string, std::string> found;
  if (std::string problem = read_all(db, found); !problem.empty()) return problem;
  History::Verdict verdict = one.life.history.judge(found, {one.cut, one.cut});
  if (!verdict.model) return verdict.problem;
  if (verdict.survived > verdict.required) totals_.beyond.fetch_add(1);
  if (next != nullptr) next->found(std::move(*verdict.model));
  return {};
}

void Examiner::report(const Case& one, const std::string& problem) {
  if (!totals_.fail(std::string(setting_.under_way) + ": " + problem)) return;
  const char* const keep = std::getenv("TIDELOCK_KEEP");
  if (keep == nullptr) return;
  make_directory_of(one.state, keep);
  std::ofstream account(std::string(keep) + ".txt");
  account << problem << "\n";
  for (const Operation& operation : one.life.history.recording().operations()) {
    account << to_text(operation) << "\n";
  }
}

}  // namespace tidelock::test
