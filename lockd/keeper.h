#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "lockd/log.h"
#include "lockd/settings.h"
#include "tidelock/db.h"

namespace tidelock::lockd {

// What was done for one database since the daemon keeps it; counted by whoever did it.
struct KeeperCounts {
  std::atomic<std::uint64_t> deaths{0};      // members that ended without closing
  std::atomic<std::uint64_t> recoveries{0};  // locks taken from a dead holder
  std::atomic<std::uint64_t> flushes{0};
  std::atomic<std::uint64_t> compactions{0};
  std::atomic<std::uint64_t> sweeps{0};
  std::atomic<std::uint64_t> failures{0};  // upkeep that failed, and lost databases
  std::atomic<std::uint64_t> warnings{0};  // of holders that held for too long
  std::atomic<std::uint64_t> kills{0};
};

// Keeps one directory's database in a thread of its own: opens it, does what is due, tries again
// while it cannot be opened, and lets go of one that was moved, removed or replaced. Never makes
// one. Its methods may be called by any thread.
class Keeper {
 public:
  Keeper(std::string directory, const Settings& settings, Log& log);
  ~Keeper();  // stops, closes, joins: after the job that is under way
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  // Null while it is not open. Its calls answer kClosed once the keeper has closed it.
  [[nodiscard]] std::shared_ptr<Db> database() const;
  [[nodiscard]] KeeperCounts& counts() { return counts_; }
  // Without waiting for it.
  void stop_soon();

 private:
  void run();
  bool open();
  void close();
  void keep();
  void tell(const Upkeep& done);
  void complain(const char* event, const Status& status);
  void warn_of_ownership();
  void rest(std::chrono::nanoseconds time);

  const std::string directory_;
  const Options options_;
  Log& log_;
  KeeperCounts counts_;
  Upkeep untold_;               // done, and not in the log: work goes on
  std::string last_complaint_;  // not to be repeated at every try
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Db> database_;  // under mutex_
  bool stopping_ = false;         // under mutex_
  std::thread thread_;            // last: it uses all of the above
};

// As every keeper opens its database.
[[nodiscard]] Options keeper_options(const Settings& settings);

}  // namespace tidelock::lockd
