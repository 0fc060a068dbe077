#include "calls/life.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>

namespace tidelock::test {

namespace {

using Phase = Journal::Phase;

constexpr std::size_t kHalfAMemtable = std::size_t{500} << 10;  // bytes of a filler

}  // namespace

Options life_options(OpenMode mode) {
  Options result;
  result.mode = mode;
  result.background = Background::kNone;
  result.wait.deadline = std::chrono::milliseconds(2'000);
  result.sync_period = std::chrono::hours(1);
  result.file_mode = 0660;
  result.fixed.memtable_size = std::size_t{1} << 20;
  return result;
}

Options reader_options() {
  Options result = life_options(OpenMode::kOpen);
  result.access = Access::kReadOnly;
  return result;
}

std::string repaired(const std::string& path) {
  return path + "-repaired";
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
    Result<Db> db = Db::open(path_, life_options(OpenMode::kCreateIfMissing));
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
    const Result<RepairReport> report = Db::repair(path_, into, life_options(OpenMode::kCreate));
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
  on_directory("destroy", [this] {
    Status status = Db::destroy(path_);
    if (status.ok()) journal_.phase.store(Phase::kDestroyed);
    return status;
  });
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
