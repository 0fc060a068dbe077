#include "damage/oracle.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tidelock/db.h"

namespace tidelock::test {

namespace fs = std::filesystem;

namespace {

// Collects what is wrong with the answers of one handle.
class Reading {
 public:
  Reading(const ReadRequest& request, const Entries& expected)
      : request_(request), expected_(expected) {}

  void hear(const Status& status) {
    if (status.ok()) return;
    reported_ = true;
    const bool named = status.code() == StatusCode::kCorruption &&
                       std::ranges::any_of(request_.names, [&](const std::string& name) {
                         return status.message().find(name) != std::string::npos;
                       });
    if (!named) wrong("unfit error: " + status.to_string());
  }
  void wrong(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  void get_all(Db& db) {
    for (const auto& [key, values] : request_.sample.history) {
      const Result<std::optional<std::string>> found = db.get(key);
      if (!found) {
        hear(found.error());
        continue;
      }
      const auto expected = expected_.find(key);
      const bool same =
          expected == expected_.end() ? !found->has_value() : *found && **found == expected->second;
      if (!same) wrong("get " + key + " yields " + found->value_or("nothing"));
    }
  }

  void walk(Db& db) {
    Result<Iterator> at = db.iterate();
    if (!at) return hear(at.error());
    auto expected = expected_.begin();
    for (at->seek_first(); at->valid(); at->next(), ++expected) {
      if (expected == expected_.end() || at->key() != expected->first ||
          at->value() != expected->second) {
        return wrong("a walk yields " + std::string(at->key()));
      }
    }
    if (at->status().ok() && expected != expected_.end()) wrong("a walk ends too early");
    hear(at->status());
    auto backward = expected_.rbegin();
    for (at->seek_last(); at->valid(); at->prev(), ++backward) {
      if (backward == expected_.rend() || at->key() != backward->first ||
          at->value() != backward->second) {
        return wrong("a walk back yields " + std::string(at->key()));
      }
    }
    if (at->status().ok() && backward != expected_.rend()) wrong("a walk back ends too early");
    hear(at->status());
  }

  // What spoils an answer, check finds; and more.
  void check(Db& db) {
    const Finding expected = reported_ ? Finding::kSome : request_.finding;
    if (expected == Finding::kNotAsked || !violation_.empty()) return;
    const Result<CheckReport> report = db.check();
    if (!report) return wrong("check fails: " + report.error().to_string());
    found_ = !report->problems.empty();
    if (!found_ && expected == Finding::kSome) wrong("check finds nothing");
    if (found_ && expected == Finding::kNone) wrong("check finds " + report->problems.front());
  }

  [[nodiscard]] Verdict verdict() const {
    if (!violation_.empty()) return {Outcome::kViolation, violation_};
    return {reported_ ? Outcome::kReported : found_ ? Outcome::kFound : Outcome::kSame, {}};
  }
  [[nodiscard]] bool all_answered() const { return violation_.empty() && !reported_; }

 private:
  const ReadRequest& request_;
  const Entries& expected_;
  bool reported_ = false;
  bool found_ = false;
  std::string violation_;
};

bool excused(const RepairReport& report, const std::string& key) {
  return std::ranges::any_of(report.findings, [&key](const RepairFinding& finding) {
    return finding.effect != RepairFinding::Effect::kNone &&
           (!finding.keys.lower || *finding.keys.lower <= key) &&
           (!finding.keys.upper || key < *finding.keys.upper);
  });
}

// Every value of the new database is one the key had; what differs is excused.
Verdict judge_saved(const Sample& sample, const RepairReport& report, const Entries& saved,
                    std::size_t& differences) {
  for (const auto& [key, values] : sample.history) {
    const auto found = saved.find(key);
    const auto expected = sample.entries.find(key);
    if (found != saved.end() && !values.contains(found->second)) {
      return {Outcome::kViolation, "repair makes up a value of " + key};
    }
    const bool same = found == saved.end()
                          ? expected == sample.entries.end()
                          : expected != sample.entries.end() && expected->second == found->second;
    if (same) continue;
    ++differences;
    if (!excused(report, key)) return {Outcome::kViolation, "repair is silent about " + key};
  }
  for (const auto& [key, value] : saved) {
    if (!sample.history.contains(key)) return {Outcome::kViolation, "repair makes up " + key};
  }
  return {report.complete() ? Outcome::kSame : Outcome::kReported, {}};
}

Result<Entries> entries_of(const std::string& directory) {
  Result<Db> db = Db::open(directory, {.access = Access::kReadOnly});
  if (!db) return db.error();
  const Result<CheckReport> check = db->check();
  if (!check) return check.error();
  if (!check->problems.empty()) return Status(StatusCode::kCorruption, check->problems.front());
  Result<Iterator> at = db->iterate();
  if (!at) return at.error();
  Entries entries;
  for (at->seek_first(); at->valid(); at->next()) entries.emplace(at->key(), at->value());
  if (!at->status().ok()) return at->status();
  return entries;
}

}  // namespace

Verdict read_all(const ReadRequest& request) {
  Options options;
  options.access = request.read_write ? Access::kReadWrite : Access::kReadOnly;
  options.background = Background::kNone;
  Entries expected = request.sample.entries;
  Reading reading(request, expected);
  {
    Result<Db> db = Db::open(request.directory, options);
    if (!db) {
      reading.hear(db.error());
      return reading.verdict();
    }
    reading.get_all(*db);
    reading.walk(*db);
    reading.check(*db);
    if (request.read_write && reading.all_answered()) {
      const auto& key = request.sample.history.begin()->first;
      reading.hear(db->put(key, "written behind the damage"));
      expected[key] = "written behind the damage";
      reading.walk(*db);
      reading.hear(db->close());
    }
  }
  if (request.read_write && reading.all_answered()) {
    Result<Db> again = Db::open(request.directory, {.access = Access::kReadOnly});
    if (!again) {
      reading.hear(again.error());
    } else {
      reading.walk(*again);
    }
  }
  return reading.verdict();
}

Verdict repair_all(const Sample& sample, const std::string& directory, const std::string& into,
                   std::size_t& differences) {
  Options options;
  options.background = Background::kNone;
  options.fixed.memtable_size = std::size_t{1} << 20;
  const Result<RepairReport> report = Db::repair(directory, into, options);
  if (!report) return {Outcome::kViolation, "repair fails: " + report.error().to_string()};
  const Result<Entries> saved = entries_of(into);
  if (!saved) return {Outcome::kViolation, "not sound: " + saved.error().to_string()};
  Verdict verdict = judge_saved(sample, *report, *saved, differences);
  if (verdict.outcome == Outcome::kViolation) {
    for (const RepairFinding& finding : report->findings) {
      verdict.text += "; " + finding.file + ": " + finding.what;
    }
  } else if (saved->size() != report->entries) {
    verdict = {Outcome::kViolation, "repair counts wrongly"};
  }
  fs::remove_all(into);
  return verdict;
}

}  // namespace tidelock::test
