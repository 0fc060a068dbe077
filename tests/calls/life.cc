#include "calls/life.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <new>
#include <vector>

#include "support/comes_true.h"

namespace tidelock::test {

namespace {

namespace fs = std::filesystem;

using Fate = Journal::Fate;
using Phase = Journal::Phase;
using Entries = std::map<std::string, std::string>;

constexpr int kKeys = 5;
constexpr std::size_t kValueSize = 150;
// Fillers: bytes of an entry that is written, or that it is erased.
constexpr std::size_t kHalfAMemtable = std::size_t{500} << 10;
constexpr std::size_t kEraseFiller = 1;

std::string marker_of(int round) {
  return "m" + std::to_string(1000 + round);
}

std::string value_of(int round, std::size_t size) {
  std::string value = std::to_string(round) + ":";
  value.resize(size, static_cast<char>('a' + round % 26));
  return value;
}

struct Change {
  std::string key;
  std::optional<std::string> value;  // none: erased
};

std::vector<Change> changes_of(int round, const Journal& journal) {
  std::vector<Change> changes;
  changes.push_back({marker_of(round), "x"});
  changes.push_back({"k" + std::to_string(round % kKeys), value_of(round, kValueSize)});
  changes.push_back({"k" + std::to_string((round + 2) % kKeys), std::nullopt});
  changes.push_back({"last", std::to_string(round)});
  if (const std::size_t size = journal.fillers[round].load()) {
    changes.push_back({"filler", std::nullopt});
    if (size != kEraseFiller) changes.back().value = value_of(round, size);
  }
  return changes;
}

Entries expected_entries(const Journal& journal) {
  Entries entries;
  for (int round = 0; round < journal.begun.load(); ++round) {
    if (journal.fates[round].load() != Fate::kThere) continue;
    for (Change& change : changes_of(round, journal)) {
      if (change.value) {
        entries[change.key] = std::move(*change.value);
      } else {
        entries.erase(change.key);
      }
    }
  }
  return entries;
}

Options options(OpenMode mode) {
  Options result;
  result.mode = mode;
  result.background = Background::kNone;
  result.wait.deadline = std::chrono::milliseconds(2'000);
  result.sync_period = std::chrono::hours(1);
  result.file_mode = 0640;
  result.fixed.memtable_size = std::size_t{1} << 20;
  return result;
}

Options reader_options() {
  Options result = options(OpenMode::kOpen);
  result.access = Access::kReadOnly;
  return result;
}

bool is_cache(const std::string& name) {
  return name == "STATE" || name == "QUEUE" || name.ends_with(".mem");
}

std::string told_by(const char* operation, const Status& status) {
  return std::string(operation) + ": " + status.to_string();
}

Status write_round(Db& db, Journal& journal, Durability durability, std::size_t filler = 0) {
  const int round = journal.begun.load();
  if (round == Journal::kRoundsMax) return Status(StatusCode::kLimit, "the journal is full");
  journal.fillers[round].store(static_cast<std::uint32_t>(filler));
  Batch batch;
  for (const Change& change : changes_of(round, journal)) {
    if (change.value) {
      batch.put(change.key, *change.value);
    } else {
      batch.erase(change.key);
    }
  }
  journal.fates[round].store(Fate::kUnknown);
  journal.begun.store(round + 1);
  Status status = db.write(batch, {.durability = durability, .wait = {}});
  const bool there = status.ok() || status.code() == StatusCode::kNotDurable;
  journal.fates[round].store(there ? Fate::kThere : Fate::kNotThere);
  return status;
}

// Empty: an error, in `status`, or nothing is wrong.
std::string compare(Db& db, Journal& journal, Status& status) {
  for (int round = 0; round < journal.begun.load(); ++round) {
    if (journal.fates[round].load() != Fate::kUnknown) continue;
    const Result<bool> there = db.exists(marker_of(round));
    status = there.status();
    if (!there) return {};
    journal.fates[round].store(*there ? Fate::kThere : Fate::kNotThere);
  }
  const Entries expected = expected_entries(journal);
  Result<Iterator> at = db.iterate({.range = {.lower = {}, .upper = kOutsideOfJournal}});
  status = at.status();
  if (!at) return {};
  auto next = expected.begin();
  for (at->seek_first(); at->valid(); at->next(), ++next) {
    if (next == expected.end()) return "foreign key " + std::string(at->key());
    if (at->key() != next->first) {
      return "key " + std::string(at->key()) + " where " + next->first + " should be";
    }
    if (at->value() != next->second) return "wrong value of " + next->first;
  }
  status = at->status();
  return status.ok() && next != expected.end() ? "lost key " + next->first : std::string();
}

std::string destroy(const std::string& path) {
  Status status = Db::destroy(path);
  const bool gone = status.ok() || status.code() == StatusCode::kNotFound;
  return gone ? std::string() : told_by("destroy", status);
}

std::string make_anew(const std::string& path) {
  Result<Db> db = Db::open(path, options(OpenMode::kCreateIfMissing));
  if (!db) return told_by("make anew", db.status());
  Status status = db->put("k", "v");
  return status.ok() ? std::string() : told_by("write anew", status);
}

std::string judge_for_reading(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, reader_options());
  return db ? judge_content(*db, journal) : told_by("open for reading", db.error());
}

// A destruction takes everything, or is to be made again.
std::string judge_destruction(const std::string& path, Journal& journal) {
  if (Result<Db> db = Db::open(path, options(OpenMode::kOpen))) {
    if (std::string wrong = judge_handle(*db, journal); !wrong.empty()) return wrong;
    if (Status status = db->close(); !status.ok()) return told_by("close", status);
  } else if (db.error().code() != StatusCode::kCorruption &&
             db.error().code() != StatusCode::kNotFound) {
    return told_by("open what is being destroyed", db.error());
  }
  if (std::string wrong = destroy(path); !wrong.empty()) return wrong;
  return make_anew(path);
}

// The damaged database stays as it is.
std::string judge_repair(const std::string& path, Journal& journal) {
  const std::string into = repaired(path);
  if (std::string wrong = judge_for_reading(path, journal); !wrong.empty()) return wrong;
  if (std::string wrong = destroy(into); !wrong.empty()) return wrong;
  const Result<RepairReport> report = Db::repair(path, into, options(OpenMode::kCreate));
  if (!report) return told_by("repair again", report.error());
  if (!report->complete()) return "repair: " + report->findings.front().what;
  return judge_for_reading(into, journal);
}

}  // namespace

std::string repaired(const std::string& path) {
  return path + "-repaired";
}

std::string judge_content(Db& db, Journal& journal) {
  Status status;
  std::string wrong = compare(db, journal, status);
  return status.ok() ? wrong : told_by("read", status);
}

std::string judge_handle(Db& db, Journal& journal) {
  if (std::string wrong = judge_content(db, journal); !wrong.empty()) return wrong;
  const Result<CheckReport> report = db.check();
  if (!report) return told_by("check", report.error());
  if (!report->problems.empty()) return "check: " + report->problems.front();
  Status status = write_round(db, journal, Durability::kProcess);
  if (!status.ok()) return told_by("go on writing", status);
  const bool durable = comes_true([&] {
    status = write_round(db, journal, Durability::kDurable);
    return status.code() != StatusCode::kNotDurable || !journal.syncs_may_fail;
  });
  if (!durable || !status.ok()) return told_by("write durably", status);
  return judge_content(db, journal);
}

std::string judge_directory(const std::string& path, Journal& journal) {
  const Phase phase = journal.phase.load();
  if (phase == Phase::kBeingDestroyed) return judge_destruction(path, journal);
  if (phase == Phase::kBeingRepaired) return judge_repair(path, journal);
  {
    Result<Db> db = Db::open(path, options(OpenMode::kCreateIfMissing));
    if (!db) return told_by("open", db.error());
    if (std::string wrong = judge_handle(*db, journal); !wrong.empty()) return wrong;
    if (Status status = db->close(); !status.ok()) return told_by("close", status);
  }
  return judge_for_reading(path, journal);
}

std::string judge_company(const std::string& path, Journal& journal,
                          const std::function<std::string()>& act) {
  Result<Db> db = Db::open(path, options(OpenMode::kCreateIfMissing));
  if (!db) return told_by("open", db.error());
  if (Status status = write_round(*db, journal, Durability::kProcess); !status.ok()) {
    return told_by("write", status);
  }
  if (std::string wrong = act(); !wrong.empty()) return wrong;
  if (std::string wrong = judge_handle(*db, journal); !wrong.empty()) return wrong;
  Status status = db->close();
  return status.ok() ? std::string() : told_by("close", status);
}

void forget_shared_state(const std::string& path) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    if (is_cache(entry.path().filename())) fs::remove(entry.path());
  }
}

void Journal::copy(const Journal& other) {
  for (int round = 0; round < other.begun.load(); ++round) {
    fates[round].store(other.fates[round].load());
    fillers[round].store(other.fillers[round].load());
  }
  begun.store(other.begun.load());
  phase.store(other.phase.load());
}

// With a table, and a log behind it.
Image::Image() {
  Result<Db> db = Db::open(directory_.file("db"), options(OpenMode::kCreate));
  if (!db) std::abort();
  for (int round = 0; round < 12; ++round) {
    if (!write_round(*db, *journal_, Durability::kProcess).ok()) std::abort();
    if (round == 8 && !db->flush().ok()) std::abort();
  }
  if (!db->close().ok()) std::abort();
}

void Image::copy_to(const std::string& path, Journal& journal) const {
  fs::create_directory(path);
  for (const auto& entry : fs::directory_iterator(directory_.file("db"))) {
    const fs::path name = entry.path().filename();
    if (!is_cache(name)) fs::copy_file(entry.path(), path / name);
  }
  journal.copy(*journal_);
}

// What the interface throws: only that there is no memory.
Status Life::answer_of(const std::function<Status()>& act) const {
  try {
    return act();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kLimit, path_ + ": " + std::strerror(ENOMEM));
  }
}

void Life::on_directory(const char* operation, const std::function<Status()>& act) {
  while (told_(operation, answer_of(act)) != Next::kOn) {
  }
}

void Life::on_handle(const char* operation, const std::function<Status(Db&)>& act) {
  for (Next next = Next::kAgain; next != Next::kOn;) {
    if (next == Next::kReopen) db_.reset();
    if (!db_) open();
    if (!db_) return;
    next = told_(operation, answer_of([&] { return act(*db_); }));
  }
}

void Life::open() {
  on_directory("open", [this] {
    Result<Db> db = Db::open(path_, options(OpenMode::kCreateIfMissing));
    if (db) db_.emplace(std::move(*db));
    return db.status();
  });
}

// Closed in any case.
void Life::close() {
  if (!db_) return;
  (void)told_("close", answer_of([this] { return db_->close(); }));
  db_.reset();
}

void Life::write(Durability durability, std::size_t filler) {
  on_handle("write", [&](Db& db) { return write_round(db, journal_, durability, filler); });
}

void Life::write_all_ways() {
  write(Durability::kProcess);
  write(Durability::kDurable);
  write(Durability::kPeriodic);
  write(Durability::kProcess);
}

void Life::read() {
  on_handle("read", [this](Db& db) {
    Status status;
    std::string wrong = compare(db, journal_, status);
    if (wrong_.empty()) wrong_ = std::move(wrong);
    return status;
  });
}

void Life::read_from_outside() {
  on_directory("look", [this] { return Db::lock_info(path_).status(); });
  on_directory("read only", [this] {
    Result<Db> db = Db::open(path_, reader_options());
    if (!db) return db.error();
    Status status;
    std::string wrong = compare(*db, journal_, status);
    if (wrong_.empty()) wrong_ = std::move(wrong);
    return status;
  });
}

void Life::create() {
  write_all_ways();
  read_from_outside();
  close();
}

void Life::grow() {
  on_handle("flush", [](Db& db) { return db.flush(); });
  // The second one rolls: another log and memtable.
  write(Durability::kProcess, kHalfAMemtable);
  write(Durability::kDurable, kHalfAMemtable);
  write(Durability::kProcess, kEraseFiller);
  read();
  on_handle("compact", [](Db& db) { return db.compact(); });
  read();
  close();
}

void Life::keep_house() {
  write_all_ways();
  on_handle("sync", [](Db& db) { return db.sync(); });
  on_handle("upkeep", [](Db& db) {
    const Result<Upkeep> done = db.upkeep({.thorough = true});
    return done ? done->hindered : done.error();
  });
  on_handle("stats", [](Db& db) { return db.stats().status(); });
  on_handle("lock info", [](Db& db) { return db.lock_info().status(); });
  on_handle("check", [](Db& db) {
    const Result<CheckReport> report = db.check();
    if (!report || report->problems.empty()) return report.status();
    return Status(StatusCode::kCorruption, report->problems.front());
  });
  close();
  read_from_outside();
  write_all_ways();  // opened again
  close();
}

void Life::repair() {
  const std::string into = repaired(path_);
  journal_.phase.store(Phase::kBeingRepaired);
  on_directory("repair", [&] {
    (void)Db::destroy(into);  // what a repair that failed could not remove
    const Result<RepairReport> report = Db::repair(path_, into, options(OpenMode::kCreate));
    if (!report || report->complete()) return report.status();
    Status status = Db::destroy(into);
    if (!status.ok()) return status;
    return Status(StatusCode::kCorruption,
                  path_ + "/" + report->findings[0].file + ": " + report->findings[0].what);
  });
  on_directory("read only", [&] {
    Result<Db> db = Db::open(into, reader_options());
    if (!db) return db.error();
    Status status;
    std::string wrong = compare(*db, journal_, status);
    if (wrong_.empty()) wrong_ = std::move(wrong);
    return status;
  });
  on_directory("destroy", [&] { return Db::destroy(into); });
}

void Life::destroy() {
  journal_.phase.store(Phase::kBeingDestroyed);
  on_directory("destroy", [this] { return Db::destroy(path_); });
}

void Life::go_along() {
  write_all_ways();
  on_handle("flush", [](Db& db) { return db.flush(); });
  write(Durability::kProcess, kHalfAMemtable);
  write(Durability::kDurable, kHalfAMemtable);
  on_handle("compact", [](Db& db) { return db.compact(); });
  read();
  on_handle("upkeep", [](Db& db) { return db.upkeep({.thorough = true}).status(); });
  close();
}

void Life::write_durably() {
  for (int i = 0; i < 12; ++i) write(Durability::kDurable);
  close();
}

void Life::recover() {
  read();
  write_all_ways();
  on_handle("flush", [](Db& db) { return db.flush(); });
  write(Durability::kDurable);
  close();
}

}  // namespace tidelock::test
