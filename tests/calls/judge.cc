#include "calls/judge.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"

namespace tidelock::test {

namespace {

namespace fs = std::filesystem;

using Phase = Journal::Phase;

bool is_cache(const std::string& name) {
  return name == "STATE" || name == "QUEUE" || name.ends_with(".mem");
}

// With a table, and a log behind it.
void make_closed(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, life_options(OpenMode::kCreate));
  if (!db) std::abort();
  for (int round = 0; round < 12; ++round) {
    if (!write_round(*db, journal, Durability::kProcess).ok()) std::abort();
    if (round == 8 && !db->flush().ok()) std::abort();
  }
  if (!db->close().ok()) std::abort();
}

void copy_database(const std::string& from, const std::string& to) {
  fs::create_directory(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    const fs::path name = entry.path().filename();
    if (!is_cache(name)) fs::copy_file(entry.path(), to / name);
  }
}

// Its process dies behind the edit of a flush, before that is synced.
void make_unsynced(const std::string& path, Journal& journal) {
  ChildProcess child([&] {
    Result<Db> db = Db::open(path, life_options(OpenMode::kOpen));
    if (!db || !write_round(*db, journal, Durability::kProcess).ok()) return 1;
    os::arm_crash_point("manifest.appended", 1, SIGKILL);
    (void)db->flush();
    return 2;
  });
  if (!killed_by(child.wait(), SIGKILL)) std::abort();
}

std::string told_by(const char* operation, const Status& status) {
  return std::string(operation) + ": " + status.to_string();
}

// Nothing is there, or what the making or removal of a directory leaves.
std::string judge_absence(const std::string& path) {
  std::error_code ignored;
  const fs::directory_iterator entry(path, ignored);
  if (entry == fs::directory_iterator()) return "";
  return "it is left behind: " + entry->path().string();
}

// What may have been destroyed, or not made yet.
std::string destroy_if_there(const std::string& path) {
  Status status = Db::destroy(path);
  const bool gone = status.ok() || status.code() == StatusCode::kNotFound;
  return gone ? judge_absence(path) : told_by("destroy", status);
}

std::string make_anew(const std::string& path) {
  Result<Db> db = Db::open(path, life_options(OpenMode::kCreateIfMissing));
  if (!db) return told_by("make anew", db.status());
  Status status = db->put("k", "v");
  return status.ok() ? std::string() : told_by("write anew", status);
}

// What is there for good, and was made by one who may have died of it, is for all of the group.
std::string judge_modes(const std::string& path) {
  for (const char* name : {"LOCK", "STATE", "QUEUE"}) {
    const fs::perms mode = fs::status(path + "/" + name).permissions();
    if (mode != fs::perms(*life_options(OpenMode::kOpen).file_mode)) {
      return std::string(name) + " is not for the group";
    }
  }
  return "";
}

std::string judge_for_reading(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, reader_options());
  return db ? judge_content(*db, journal) : told_by("open for reading", db.error());
}

std::string make_anew_and_destroy(const std::string& path) {
  if (std::string wrong = make_anew(path); !wrong.empty()) return wrong;
  if (Status status = Db::destroy(path); !status.ok()) return told_by("destroy", status);
  return fs::exists(path) ? "it is left behind: " + path : "";
}

std::string judge_destroyed(const std::string& path) {
  if (std::string wrong = judge_absence(path); !wrong.empty()) return wrong;
  const Status status = Db::open(path, life_options(OpenMode::kOpen)).status();
  if (status.code() != StatusCode::kNotFound) return told_by("open what was destroyed", status);
  return make_anew_and_destroy(path);
}

// There is all of the database, or none, which whoever comes next may finish.
std::string judge_destruction(const std::string& path, Journal& journal) {
  if (Result<Db> db = Db::open(path, life_options(OpenMode::kOpen))) {
    if (std::string wrong = judge_handle(*db, journal); !wrong.empty()) return wrong;
    if (Status status = db->close(); !status.ok()) return told_by("close", status);
  } else if (db.error().code() != StatusCode::kNotFound) {
    return told_by("open what is being destroyed", db.error());
  }
  return make_anew_and_destroy(path);
}

// The damaged database stays as it is.
std::string judge_repair(const std::string& path, Journal& journal) {
  const std::string into = repaired(path);
  if (std::string wrong = judge_for_reading(path, journal); !wrong.empty()) return wrong;
  if (std::string wrong = destroy_if_there(into); !wrong.empty()) return wrong;
  const Result<RepairReport> report = Db::repair(path, into, life_options(OpenMode::kCreate));
  if (!report) return told_by("repair again", report.error());
  if (!report->complete()) return "repair: " + report->findings.front().what;
  return judge_for_reading(into, journal);
}

}  // namespace

Image::Image() {
  const std::string closed = directory_.file("closed");
  make_closed(closed, *closed_);
  const std::string unsynced = directory_.file("unsynced");
  copy_database(closed, unsynced);
  unsynced_->copy(*closed_);
  make_unsynced(unsynced, *unsynced_);
}

void Image::prepare(const std::string& path, Start start, Journal& journal) const {
  switch (start) {
    case Start::kNothing:
      return journal.copy(*empty_);
    case Start::kClosed:
      copy_database(directory_.file("closed"), path);
      return journal.copy(*closed_);
    case Start::kUnsynced:
      copy_database(directory_.file("unsynced"), path);
      return journal.copy(*unsynced_);
  }
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
  if (phase == Phase::kDestroyed) return judge_destroyed(path);
  if (phase == Phase::kBeingRepaired) return judge_repair(path, journal);
  {
    Result<Db> db = Db::open(path, life_options(OpenMode::kCreateIfMissing));
    if (!db) return told_by("open", db.error());
    if (std::string wrong = judge_handle(*db, journal); !wrong.empty()) return wrong;
    if (Status status = db->close(); !status.ok()) return told_by("close", status);
  }
  if (std::string wrong = judge_modes(path); !wrong.empty()) return wrong;
  return judge_for_reading(path, journal);
}

std::string judge_company(const std::string& path, Journal& journal,
                          const std::function<std::string()>& act) {
  Result<Db> db = Db::open(path, life_options(OpenMode::kCreateIfMissing));
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

}  // namespace tidelock::test
