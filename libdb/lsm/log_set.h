#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "lsm/context.h"
#include "state/layout.h"
#include "tidelock/status.h"
#include "wal/log_file.h"

namespace tidelock::lsm {

// The logs this process has open. Each process opens the live log when it adopts it and keeps it
// until its memtable is flushed: the kernel reports a failed write-back once to every descriptor
// that was open then, and so to every process (rule C6). Thread-safe.
class LogSet {
 public:
  explicit LogSet(Context& context) : context_(context) {}

  // kNotFound: it is not there. kIo, too, if the directory was moved.
  [[nodiscard]] Result<std::shared_ptr<wal::LogFile>> get(const state::MemtableEntry& entry);
  // One that this process has just begun, so nobody has written to it before.
  void add(std::shared_ptr<wal::LogFile> log);
  void drop_below(std::uint64_t number);

  // Comes before each sync. Before the first one through a descriptor that others had before us,
  // [from, to) is verified and written over itself: the kernel may have reported a failed
  // write-back to them alone (rule C3). Errors as of sync; what it throws for want of memory says
  // nothing of the disk. LSNs.
  [[nodiscard]] Status prepare_sync(wal::LogFile& log, std::uint64_t from, std::uint64_t to);
  // Syncs the log; on this process's first sync of it also the directory (rule C2).
  // kIo, kCorruption: what the disk has of the log is unknown, or does not verify, and it must not
  // be synced again (rule C6). Every other error is this process's own, or that of the name:
  // kNoSpace before anything is synced, of a process that may not write files of that size;
  // kNotFound where the log was removed or moved, or that cannot be known. If it throws for want of
  // memory, what the disk has is unknown.
  [[nodiscard]] Status sync(wal::LogFile& log);

 private:
  [[nodiscard]] Result<std::shared_ptr<wal::LogFile>> open(const state::MemtableEntry& entry) const;
  [[nodiscard]] bool contains(const std::set<std::uint64_t>& logs, const wal::LogFile& log) const;
  void remember_synced(std::uint64_t number) noexcept;
  [[nodiscard]] Status rewrite(wal::LogFile& log, std::uint64_t from, std::uint64_t to) const;

  Context& context_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<wal::LogFile>> logs_;
  std::set<std::uint64_t> trusted_;        // logs whose descriptor has seen every error since
  std::set<std::uint64_t> named_on_disk_;  // logs whose directory entry is synced
};

// Opens `n.wal`, mapped where that is safe (rule C8).
[[nodiscard]] Result<std::optional<os::Mapping>> map_log(const Context& context,
                                                         const os::File& file);

}  // namespace tidelock::lsm
