#include "agent/final_check.h"

#include "agent/client.h"
#include "agent/clock.h"
#include "tidelock/db.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kProblemsKept = 20;

// Reads ascending keys twice: by `get`, and by an iterator that is moved along.
class TwofoldReader {
 public:
  TwofoldReader(Db& db, const Snapshot& snapshot, Iterator iterator, FinalCheck& check)
      : db_(db), snapshot_(snapshot), iterator_(std::move(iterator)), check_(check) {
    iterator_.seek_first();
  }

  Result<std::optional<std::string>> read(std::string_view key) {
    Result<std::optional<std::string>> value = db_.get(key, {.snapshot = &snapshot_});
    if (!value) return value;
    pass_strangers([&] { return iterator_.key() < key; });
    if (Status status = iterator_.status(); !status.ok()) return status;
    const bool scanned = iterator_.valid() && iterator_.key() == key;
    const bool same = scanned == value->has_value() && (!scanned || iterator_.value() == **value);
    if (!same && check_.problems.size() < kProblemsKept) {
      check_.problems.push_back("get and scan differ on key \"" + std::string(key) +
                                "\": get finds " + (*value ? **value : "nothing") +
                                ", scan finds " +
                                (scanned ? std::string(iterator_.value()) : "nothing"));
    }
    if (scanned) iterator_.next();
    return value;
  }
  void finish() {
    pass_strangers([] { return true; });
  }

 private:
  template <typename Passes>
  void pass_strangers(Passes passes) {
    for (; iterator_.valid() && passes(); iterator_.next()) ++check_.strangers;
  }

  Db& db_;
  const Snapshot& snapshot_;
  Iterator iterator_;
  FinalCheck& check_;
};

Status compare_values(const Run& run, Db& db, const History& history, FinalCheck& check) {
  const std::uint64_t begin = now_ns();
  const Result<Snapshot> snapshot = db.snapshot();
  const std::uint64_t end = now_ns();
  if (!snapshot) return snapshot.error();
  Result<Iterator> iterator =
      db.iterate({.range = {}, .prefix = {}, .read = {.snapshot = &*snapshot}});
  if (!iterator) return iterator.error();
  TwofoldReader reader(db, *snapshot, *std::move(iterator), check);
  std::size_t place = 0;
  Result<CheckResult> values = check_final_values(
      history, run.keys, run.evidence(),
      [&](std::string_view key) -> Result<std::optional<std::string>> {
        Result<std::optional<std::string>> value = reader.read(key);
        const std::uint32_t index = run.key_order[place++];
        if (!value || run.reads.empty()) return value;
        const Finding finding = interpret(index, *value, run.evidence());
        if (finding.kind == Finding::Kind::kImpossible) return value;
        Status status = run.reads[run.preloader()].add({.begin_ns = begin,
                                                        .end_ns = end,
                                                        .sequence = snapshot->sequence(),
                                                        .sight = Sight(finding),
                                                        .key = index,
                                                        .point = 0});
        if (!status.ok()) return status;
        return value;
      });
  reader.finish();
  if (!values) return values.error();
  check.values = *std::move(values);
  return Status();
}

Status check_structure(Db& db, FinalCheck& check) {
  const Result<CheckReport> report = db.check();
  if (!report) return report.error();
  check.entries = report->entries;
  check.problems.insert(check.problems.end(), report->problems.begin(), report->problems.end());
  const Result<Stats> stats = db.stats();
  if (!stats) return stats.error();
  check.redos = stats->redos;
  return Status();
}

}  // namespace

FinalCheck check_database(const Run& run, const History& history) {
  FinalCheck check;
  Options options = database_options(run.settings);
  options.background = Background::kNone;
  Result<Db> db = Db::open(run.settings.directory, options);
  if (!db) {
    check.status = db.error();
    return check;
  }
  check.status = compare_values(run, *db, history, check);
  if (Status status = check_structure(*db, check); check.status.ok()) check.status = status;
  if (Status status = db->close(); check.status.ok()) check.status = status;
  return check;
}

}  // namespace tidelock::agent
