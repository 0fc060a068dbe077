#include "stores/successor.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

namespace tidelock::test {

namespace {

namespace fs = std::filesystem;

// Everything by a walk; then each key by itself, and one that is missing.
std::string read_all(Db& db, Model& found) {
  Result<Iterator> at = db.iterate();
  if (!at) return "iterate: " + at.error().to_string();
  for (at->seek_first(); at->valid(); at->next()) found[std::string(at->key())] = at->value();
  if (!at->status().ok()) return "iterate: " + at->status().to_string();
  for (const auto& [key, value] : found) {
    const auto one = db.get(key);
    if (!one) return "get: " + one.status().to_string();
    if (*one != value) return "get and iterate differ in '" + key + "'";
  }
  const auto none = db.get("no such key");
  if (!none) return "get: " + none.status().to_string();
  return none->has_value() ? "it holds a key that nobody wrote" : "";
}

std::string difference(const Model& found, const Model& expected) {
  for (const auto& [key, value] : expected) {
    const auto at = found.find(key);
    if (at == found.end()) return "'" + key + "' is missing";
    if (at->second != value) {
      return "'" + key + "' is '" + at->second.substr(0, 20) + "', not '" + value.substr(0, 20) +
             "'";
    }
  }
  for (const auto& [key, value] : found) {
    if (!expected.contains(key)) return "'" + key + "' is there";
  }
  return "nothing";
}

}  // namespace

Options database_options() {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  options.background = Background::kNone;
  options.wait.deadline = std::chrono::milliseconds(3'000);
  options.fixed.memtable_size = std::size_t{1} << 20;
  return options;
}

Successor::Successor(std::string path, const Journal& journal)
    : path_(std::move(path)),
      possible_(possible(journal)),
      uncommitted_(static_cast<std::size_t>(
          std::max(0, journal.committed.load() - journal.acknowledged.load()))) {}

void Successor::expect_what_is_committed() {
  possible_.erase(possible_.begin(), possible_.begin() + static_cast<std::ptrdiff_t>(uncommitted_));
  uncommitted_ = 0;
}

std::string Successor::read() {
  Options options;
  options.access = Access::kReadOnly;
  Result<Db> db = Db::open(path_, options);
  if (db) return look(*db);
  const bool none = db.error().code() == StatusCode::kNotFound && possible_.front().empty();
  return none ? "" : "open: " + db.error().to_string();
}

std::string Successor::open_and_go_on() {
  Result<Db> db = Db::open(path_, database_options());
  return db ? go_on(std::move(*db)) : "open: " + db.error().to_string();
}

std::string Successor::go_on(Db db) {
  std::string problem = look(db);
  if (problem.empty()) problem = write_and_flush(db);
  if (!problem.empty()) return problem;
  if (Status status = db.close(); !status.ok()) return "close: " + status.to_string();
  Result<Db> again = Db::open(path_, database_options());
  if (!again) return "open again: " + again.error().to_string();
  problem = look(*again);
  if (problem.empty()) problem = check(*again);
  if (!problem.empty()) return "opened again: " + problem;
  if (Status status = again->close(); !status.ok()) return "close again: " + status.to_string();
  return left_overs();
}

std::string Successor::write_and_flush(Db& db) {
  std::string problem = write(db, Deed::kPut, Durability::kProcess);
  if (problem.empty()) problem = write(db, Deed::kBatch, Durability::kDurable);
  if (problem.empty()) problem = write(db, Deed::kErase, Durability::kProcess);
  if (!problem.empty()) return problem;
  if (Status status = db.flush(); !status.ok()) return "flush: " + status.to_string();
  problem = look(db);
  if (problem.empty()) problem = write(db, Deed::kOverwrite, Durability::kProcess);
  return problem.empty() ? check(db) : problem;
}

// The dead man's operation, where it was committed, is in force with the first write at the latest.
std::string Successor::write(Db& db, Deed deed, Durability durability) {
  const int number = Journal::kWritesMax + ++written_;
  const Status status = db.write(batch_of(deed, number), {.durability = durability, .wait = {}});
  if (!status.ok()) return "write: " + status.to_string();
  expect_what_is_committed();
  for (Model& model : possible_) apply(deed, number, model);
  return look(db);
}

std::string Successor::look(Db& db) {
  Model found;
  if (std::string problem = read_all(db, found); !problem.empty()) return problem;
  const auto at = std::find(possible_.begin(), possible_.end(), found);
  if (at == possible_.end()) {
    return "neither all nor nothing: " + difference(found, possible_.front()) + "; or " +
           difference(found, possible_.back());
  }
  uncommitted_ -= std::min(uncommitted_, static_cast<std::size_t>(at - possible_.begin()));
  possible_.erase(possible_.begin(), at);
  if (written_ > 0) possible_.resize(1);
  return {};
}

std::string Successor::check(Db& db) {
  const Result<CheckReport> report = db.check();
  if (!report) return "check: " + report.status().to_string();
  return report->problems.empty() ? "" : "check: " + report->problems.front();
}

std::string Successor::left_overs() const {
  std::map<std::string, int> counts;
  for (const auto& entry : fs::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".tmp")) return name + " is left over";
    if (name.starts_with("MANIFEST")) ++counts["manifests"];
    if (name.ends_with(".wal")) ++counts["logs"];
    if (name.ends_with(".mem")) ++counts["arenas"];
  }
  for (const auto& [what, count] : counts) {
    if (count > 1) return std::to_string(count) + " " + what + " are left over";
  }
  return {};
}

}  // namespace tidelock::test
