#include "agent/final_check.h"

#include "agent/client.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kProblemsKept = 20;

// Reads ascending keys twice: by `get`, and by an iterator that is moved along.
class TwofoldReader {
 public:
  TwofoldReader(Db& db, Iterator iterator, std::vector<std::string>& problems)
      : db_(db), iterator_(std::move(iterator)), problems_(problems) {
    iterator_.seek_first();
  }

  Result<std::optional<std::string>> read(std::string_view key) {
    Result<std::optional<std::string>> value = db_.get(key);
    if (!value) return value;
    while (iterator_.valid() && iterator_.key() < key) iterator_.next();
    if (Status status = iterator_.status(); !status.ok()) return status;
    const bool scanned = iterator_.valid() && iterator_.key() == key;
    const bool same = scanned == value->has_value() && (!scanned || iterator_.value() == **value);
    if (!same && problems_.size() < kProblemsKept) {
      problems_.push_back("get and scan differ on key \"" + std::string(key) + "\": get finds " +
                          (*value ? **value : "nothing") + ", scan finds " +
                          (scanned ? std::string(iterator_.value()) : "nothing"));
    }
    return value;
  }

 private:
  Db& db_;
  Iterator iterator_;
  std::vector<std::string>& problems_;
};

Status compare_values(const Run& run, Db& db, const History& history, FinalCheck& check) {
  Result<Iterator> iterator = db.iterate();
  if (!iterator) return iterator.error();
  TwofoldReader reader(db, *std::move(iterator), check.problems);
  Result<CheckResult> values = check_final_values(
      history, run.keys,
      {.journals = run.journals, .run = run.id, .value_size = run.settings.value_size},
      [&reader](std::string_view key) { return reader.read(key); });
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
