#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidelock/batch.h"
#include "tidelock/iterator.h"
#include "tidelock/lock_queue.h"
#include "tidelock/options.h"
#include "tidelock/repair.h"
#include "tidelock/snapshot.h"
#include "tidelock/status.h"
#include "tidelock/upkeep.h"
#include "tidelock/version.h"

namespace tidelock {

struct Entry {
  std::string key;
  std::string value;
};

// A value read in place. Keeps what its bytes lie in alive, even past the `Db`; copies share it.
class PinnedValue {
 public:
  PinnedValue(std::string_view bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  [[nodiscard]] std::string_view view() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
  std::shared_ptr<const void> owner_;
};

struct TableStats {
  std::uint64_t number = 0;
  std::uint32_t level = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t entries = 0;  // tombstones included
  std::uint64_t tombstones = 0;
  std::uint64_t data_blocks = 0;
  std::string smallest;
  std::string largest;
};

struct LevelStats {
  std::uint32_t level = 0;
  std::uint64_t tables = 0;
  std::uint64_t bytes = 0;
};

// Numbers of one moment. Sizes in bytes.
struct Stats {
  std::uint64_t sequence = 0;          // newest visible operation
  std::uint64_t durable_sequence = 0;  // newest operation that survives a power cut
  std::uint64_t log_end = 0;           // LSN, bytes since creation
  std::uint64_t log_durable = 0;       // LSN
  std::uint64_t memtable_bytes = 0;    // used in the active memtable
  std::uint64_t memtable_size = 0;     // its capacity
  std::uint32_t sealed_memtables = 0;  // waiting for flush
  std::uint64_t disk_bytes = 0;        // all files of the directory
  std::uint64_t view_number = 0;       // table half; members show theirs in LockInfo
  std::uint64_t flushes = 0;           // by all processes, since the shared state was built
  std::uint64_t compactions = 0;
  std::uint64_t compaction_bytes_written = 0;
  std::uint64_t redos = 0;  // commits of dead writers that were finished by another
  std::uint64_t rolls = 0;
  std::uint64_t syncs = 0;
  std::uint64_t synced_commits = 0;  // durable commits; divided by `syncs`: the group size
  std::uint64_t write_stalls = 0;    // writes that were held until a flush or compaction was done
  std::vector<LevelStats> levels;
  std::vector<TableStats> tables;
  std::string uuid;
  FixedOptions fixed;  // all set
};

// What `check` looked at, and what it found.
struct CheckReport {
  std::uint64_t entries = 0;  // in tables, tombstones included
  std::uint64_t tables = 0;
  std::uint64_t blocks = 0;
  std::uint64_t log_records = 0;
  std::uint64_t memtable_entries = 0;  // versions of keys, tombstones included
  std::vector<std::string> problems;   // each names file and offset; empty = sound
};

// An ordered key-value database in a directory that any number of processes have open read-write
// at once. Keys and values are any bytes; keys are ordered bytewise. Keys are 0 to 65,535 bytes,
// values and batches up to 1 GiB (kTooLarge beyond, nothing changed; also for a batch of so many
// small operations that its log record exceeds 2 GiB, or its memtable 16 GiB).
//
// Thread-safe. A write that returned is seen by every read that starts later, in any process.
// A process killed at any instruction loses nothing that was acknowledged, and delays the others
// by 60 ms at most. After fork the child's handle answers kForked; open anew there. A handle that
// was moved from answers kClosed.
//
// Reads take no lock, block nobody and, while nothing was flushed, compacted or rolled, make no
// system call. Writes take the writer lock and wait as `Options::wait` or the call says: kBusy and
// kTimedOut then tell who stood in the way, and nothing was changed, except that a *durable* write
// that times out during its sync is kNotDurable: committed, visible, not known to be on disk.
class Db {
 public:
  // Opens or creates as `options.mode` says. O(1) when others have it open or it was left without
  // a reboot in between; else the shared state is rebuilt from manifest and log. Blocks while
  // another process does that, up to `options.wait.deadline`. At most 4,096 read-write
  // attachments (kLimit). The same directory may be opened more than once in a process.
  [[nodiscard]] static Result<Db> open(const std::filesystem::path& directory,
                                       const Options& options = {});
  // Removes the database's files and, if it is then empty, the directory. kBusy if anybody is
  // attached read-write, kNotFound if there is no database; foreign files stay.
  [[nodiscard]] static Status destroy(const std::filesystem::path& directory);
  // Saves what can be read of a database that nobody has open into a new one at `into`, which is
  // sound, and reports what was wrong and what is lost. Of the damaged one nothing is changed, so
  // nothing can get worse, and it may be tried again. Only bytes whose checksum proves them are
  // taken; whatever may be missing or out of date is in the report. `options` are those of the new
  // database; what is not `fixed` in them is as it was. Needs memory for the largest file.
  // kBusy: it is open. kExists: there is a database at `into`. kNotFound: there are no files of one
  // at `damaged`. kUnsupported: it needs another release. An error leaves nothing at `into`.
  [[nodiscard]] static Result<RepairReport> repair(const std::filesystem::path& damaged,
                                                   const std::filesystem::path& into,
                                                   const Options& options = {});

  Db(Db&&) noexcept;
  Db& operator=(Db&&) noexcept;
  ~Db();  // as close(), its status lost

  [[nodiscard]] Status put(std::string_view key, std::string_view value,
                           const WriteOptions& options = {});
  // A missing key is no error.
  [[nodiscard]] Status erase(std::string_view key, const WriteOptions& options = {});
  // All or nothing, also across a crash. An empty batch does nothing.
  [[nodiscard]] Status write(const Batch& batch, const WriteOptions& options = {});
  // Compare-and-swap: if the key's value is `expected` (nullopt: the key is absent), makes it
  // `desired` (nullopt: absent). True if it did.
  [[nodiscard]] Result<bool> put_if(std::string_view key, std::optional<std::string_view> expected,
                                    std::optional<std::string_view> desired,
                                    const WriteOptions& options = {});

  [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key,
                                                       const ReadOptions& options = {});
  // Without a copy where the bytes lie uncompressed; see PinnedValue.
  [[nodiscard]] Result<std::optional<PinnedValue>> get_pinned(std::string_view key,
                                                              const ReadOptions& options = {});
  [[nodiscard]] Result<bool> exists(std::string_view key, const ReadOptions& options = {});

  [[nodiscard]] Result<Snapshot> snapshot();
  // kInvalid if the range's lower bound is above its upper one.
  [[nodiscard]] Result<Iterator> iterate(const IterateOptions& options = {});
  // The smallest and the largest entry; the nearest one strictly above or below a key.
  [[nodiscard]] Result<std::optional<Entry>> min(const ReadOptions& options = {});
  [[nodiscard]] Result<std::optional<Entry>> max(const ReadOptions& options = {});
  [[nodiscard]] Result<std::optional<Entry>> above(std::string_view key,
                                                   const ReadOptions& options = {});
  [[nodiscard]] Result<std::optional<Entry>> below(std::string_view key,
                                                   const ReadOptions& options = {});

  // `wait` below is how the call waits for other processes; unset, as `Options::wait` says. The
  // work that it does itself takes as long as it takes. kReadOnly for a read-only handle.

  // Returns when everything committed before the call, by any process, survives a power cut.
  // kNotDurable when that is not known: the deadline passed, or the disk failed.
  [[nodiscard]] Status sync(const std::optional<Wait>& wait = {});
  // Adopts the newest tables, so that this process no longer keeps removed ones on disk.
  [[nodiscard]] Status refresh();
  // Writes the memtables that exist now to tables; waits for a flush another process has begun,
  // unless fail-fast: kBusy.
  [[nodiscard]] Status flush(const std::optional<Wait>& wait = {});
  // Merges everything in the range down to the deepest level, dropping what is overwritten or
  // erased. Waits, each time as long as `wait` says, for others that are merging the same levels.
  // kInvalid if the range's lower bound is above its upper one.
  [[nodiscard]] Status compact(const KeyRange& range = {}, const std::optional<Wait>& wait = {});
  // Reads and verifies everything this handle can see; others may go on writing. kOk with an
  // empty `problems` means sound. An error only if the check itself could not run.
  [[nodiscard]] Result<CheckReport> check();
  [[nodiscard]] Result<Stats> stats();
  // Who holds the writer lock, who waits, who is attached. kReadOnly for a read-only
  // handle, which has no place in the queue.
  [[nodiscard]] Result<LockInfo> lock_info() const;
  // The same of any database, from outside: attaches nothing, writes nothing, delays nobody, and
  // needs only read permission, whether others write, rebuild, or nobody has it open. As
  // LockQueue::look: a queue that is being rebuilt, or left from an earlier boot or mount, is free
  // and nobody is attached. kNotFound: there is no database. kUnsupported: its format or the
  // queue in use is of another release. kCorruption: CURRENT is damaged. kPermission, kIo.
  [[nodiscard]] static Result<LockInfo> lock_info(const std::filesystem::path& directory);

  // For those who keep house for all, as tidelock-lockd does; any process may, and several at once.
  //
  // If the holder of the writer lock is dead: finishes its commit and lets the next one in; true.
  // If the waiter that was to have the lock is dead: lets the next one in. Waits for nobody.
  [[nodiscard]] Result<bool> relieve();
  // The same, and then what is due: one flush or compaction, the sync of periodic writes, a sweep
  // of left-over files. A job takes as long as it takes; `relieve` may be called meanwhile. What
  // fails is told in the result, as long as the handle can be used at all.
  [[nodiscard]] Result<Upkeep> upkeep(const UpkeepOptions& options = {});

  // Calls in other threads end first; later ones answer kClosed, as do snapshots and iterators of
  // this handle. Joins the background thread: that takes as long as the job it is at, and up to
  // some seconds if a stopped process stands in that job's way. Periodic writes are synced. The
  // last one out also flushes a log of some length, and syncs and seals it. An error concerns only
  // what it names: the handle is closed in any case.
  [[nodiscard]] Status close(const std::optional<Wait>& wait = {});

 private:
  struct Impl;
  explicit Db(std::shared_ptr<Impl> impl) noexcept;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tidelock
