#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lsm/context.h"
#include "lsm/log_set.h"
#include "os/clock.h"
#include "os/timed_mutex.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// One fdatasync for the durable commits of many processes. Whoever waits for the disk leads if
// nobody does: he syncs everything up to the log's end and raises D; the others sleep until D has
// passed them. Nobody is needed: a waiter that a slice of time did not serve syncs by himself.
//
// What the death of a leader leaves (rule C3): his name in `sync.leader`, which the next one
// replaces. The kernel may have told him of a failed write-back and marked the pages clean. It
// tells everybody whose descriptor was open by then; a descriptor opened later knows nothing. So
// before its first sync through a descriptor a process verifies the bytes from D to the end and
// writes them over themselves (LogSet::sync). What a failed sync leaves (rule C6): `sync_failure`
// names the log. It is never synced again; D passes it when its memtable is in tables.
class GroupCommit {
 public:
  GroupCommit(Context& context, LogSet& logs) : context_(context), logs_(logs) {}

  // Returns when everything below `lsn` survives a power cut. kNotDurable when that is unknown: the
  // deadline passed, or a sync failed. Does not hold any lock. A sync that this call itself does
  // takes as long as the disk takes.
  [[nodiscard]] Status wait_until_durable(std::uint64_t lsn, const os::Deadline& deadline);
  // Everything that is committed now.
  [[nodiscard]] Status sync_all(const os::Deadline& deadline);

 private:
  // A log to sync, and up to where; the last of a plan ends at the end of the log.
  struct Part {
    std::uint64_t number = 0;
    std::uint64_t from = 0;  // LSNs
    std::uint64_t to = 0;
    std::shared_ptr<wal::LogFile> log;
  };
  struct Plan {
    std::vector<Part> parts;
    state::Position end;
  };

  [[nodiscard]] std::uint64_t failed_log() const;
  [[nodiscard]] Status failed_before(std::uint64_t log) const;
  [[nodiscard]] Status lead(const os::Deadline& deadline);
  [[nodiscard]] Result<Plan> plan(std::uint64_t from);
  [[nodiscard]] Status sync(const Part& part);
  [[nodiscard]] Status sync_or_mark(const Part& part);
  void mark_failed(const Part& part);

  Context& context_;
  LogSet& logs_;
  // Threads share descriptors, and the kernel tells a descriptor of an error once: held from a
  // sync until its result is published.
  os::TimedMutex sync_mutex_;
};

}  // namespace tidelock::lsm
