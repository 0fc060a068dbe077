#pragma once

#include <signal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "os/system_call.h"
#include "power/history.h"
#include "support/random.h"
#include "tidelock/db.h"

// Processes whose database will lose its power, and what befalls them before.
namespace tidelock::test {

inline Options client_options(Background background, std::size_t memtable_size) {
  Options result;
  result.mode = OpenMode::kCreateIfMissing;
  result.background = background;
  result.sync_period = std::chrono::milliseconds(2);
  result.fixed.memtable_size = memtable_size;
  return result;
}

// One process at work: what it was told is durable, it tells the history.
class Client {
 public:
  struct Plan {
    std::string path;
    std::size_t memtable_size;
    unsigned durable_percent;
  };

  Client(History& history, Plan plan, std::uint64_t seed)
      : history_(history), plan_(std::move(plan)), random_(seed) {}

  Status open() {
    const Background background = random_() % 2 == 0 ? Background::kThread : Background::kNone;
    Result<Db> db = Db::open(plan_.path, client_options(background, plan_.memtable_size));
    if (!db) return db.error();
    db_ = std::move(*db);
    periodic_ = 0;
    return {};
  }

  // If an action has closed it.
  Status open_again() { return db_ ? Status() : open(); }
  [[nodiscard]] Db& db() { return *db_; }

  void close() {
    if (db_ && db_->close().ok()) history_.acknowledge(periodic_);
    db_.reset();
  }

  // Something at random.
  void act() {
    if (!db_ && !open().ok()) return;
    const std::uint64_t kind = random_() % 100;
    const std::uint64_t before = history_.commits();
    if (kind < 90 || plan_.durable_percent == 0) {
      (void)write(random_durability());
    } else if (kind < 93) {
      if (db_->sync().ok()) history_.acknowledge(before);
    } else if (kind < 95) {
      if (db_->flush().ok()) history_.acknowledge(before);
    } else if (kind < 96) {
      (void)db_->compact();
    } else if (kind < 98) {
      read_durable();
    } else {
      close();
    }
  }

  // What is read so was said to be on disk.
  void read_durable() {
    const auto last = db_->get("last", {.snapshot = nullptr, .durable_only = true});
    if (!last || !*last) return;
    history_.acknowledge(history_.order_of(std::strtoull((*last)->c_str(), nullptr, 10)));
  }

  Durability random_durability() {
    if (random_() % 100 < plan_.durable_percent) return Durability::kDurable;
    return random_() % 8 == 0 ? Durability::kPeriodic : Durability::kProcess;
  }

  Status write(Durability durability) {
    Batch batch;
    const std::uint64_t write = history_.begin_write(batch);
    Status status = db_->write(batch, {.durability = durability, .wait = {}});
    if (!status.ok()) return status;
    const std::uint64_t order = history_.order_of(write);
    if (durability == Durability::kPeriodic) periodic_ = order;
    if (durability == Durability::kDurable) history_.acknowledge(order);
    return {};
  }

 private:
  History& history_;
  Plan plan_;
  Random random_;
  std::optional<Db> db_;
  std::uint64_t periodic_ = 0;  // order of its last periodic write
};

// Visits of crash points until this process dies; at 0 it lives on.
inline std::atomic<std::int64_t> visits_to_live{0};

inline void visit_and_die(const char* point) {
  History::visit(point);
  if (visits_to_live.load() > 0 && visits_to_live.fetch_sub(1) == 1) ::raise(SIGKILL);
}

// Makes system calls fail at random, and at least one for sure.
class Faults {
 public:
  // `deadly`: whoever meets a failed sync may die of it, before he could tell anybody.
  Faults(bool any, bool deadly, std::uint64_t seed, std::atomic<std::uint64_t>& count)
      : random_(seed), count_(count), deadly_(deadly) {
    if (any) calls_to_first_ = 2 + static_cast<int>(random_() % 10);
  }
  int operator()(const os::SystemCallEvent& event) {
    const std::lock_guard guard(mutex_);  // the library's threads make system calls, too
    const int error = calls_to_first_ == 0 ? 0 : error_for(event);
    if (error != 0) count_.fetch_add(1);
    return error;
  }

 private:
  int error_for(const os::SystemCallEvent& event) {
    switch (event.call) {
      case os::SystemCall::kDataSync:
      case os::SystemCall::kSync:
      case os::SystemCall::kSyncDirectory:
        if (calls_to_first_ > 1 ? --calls_to_first_ > 1 : random_() % 40 != 0) return 0;
        return deadly_ && random_() % 2 == 0 ? -EIO : EIO;
      case os::SystemCall::kAllocate:
      case os::SystemCall::kRename:
        return random_() % 40 == 0 ? ENOSPC : 0;
      case os::SystemCall::kWrite:
        return random_() % 400 == 0 ? ENOSPC : 0;
      default:
        return 0;
    }
  }

  std::mutex mutex_;
  Random random_;
  std::atomic<std::uint64_t>& count_;
  bool deadly_;
  int calls_to_first_ = 0;  // 0: no faults; 1: the first has been
};

}  // namespace tidelock::test
