#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tidelock/status.h"
#include "tidelock/wait.h"

// A fair, crash-safe lock between processes, on any file. It needs no database.
namespace tidelock {

namespace lock {
class Queue;
}

struct LockMember {
  std::uint32_t slot = 0;
  std::int32_t pid = 0;  // for people: may belong to another pid namespace
  std::string label;
  bool alive = false;           // the kernel's answer: it holds its member byte
  std::uint64_t acquired = 0;   // how often it got the lock
  std::uint64_t waited = 0;     // how often it had to wait for it
  std::uint64_t overtaken = 0;  // how often another got the lock before it, in all its waits
  std::chrono::nanoseconds longest_wait{0};
  std::uint64_t view = 0;  // free for the application; the database shows its view number here
  // What tells this attachment from others in its slot, and its process from others with its pid.
  std::uint32_t generation = 0;
  std::uint64_t nonce = 0;          // random
  std::uint64_t byte = 0;           // of the lock's file (a database's LOCK): locked while it lives
  std::uint64_t pid_namespace = 0;  // inode of /proc/PID/ns/pid; 0: not known
  std::uint64_t start_time = 0;     // field 22 of /proc/PID/stat; 0: not known
};

struct LockWaiter {
  std::uint64_t ticket = 0;  // grows in order of arrival
  std::uint32_t slot = 0;
  std::int32_t pid = 0;
  std::string label;
  std::chrono::nanoseconds waiting_for{0};
};

// One time that somebody got the lock after waiting, or from a dead holder. A lock that was free is
// no hand-over and leaves no record.
struct LockHandover {
  std::uint32_t slot = 0;
  std::int32_t pid = 0;    // who got it; may have ended since. For people, as in LockMember
  std::string label;       // of that time
  bool recovered = false;  // from a dead holder; else released, or handed over, in order
  std::chrono::nanoseconds waited{0};
  std::chrono::nanoseconds ago{0};
};

// Events of all members, counted since the queue file was laid out: as a rule, since the boot.
struct LockTotals {
  std::uint64_t acquired = 0;    // how often anybody got the lock
  std::uint64_t hand_overs = 0;  // how often it was handed to a waiter directly
  std::uint64_t lapses = 0;      // how often a waiter let its turn stand and was passed over
  std::uint64_t evictions = 0;   // how often a waiter lost its place after that, or by its death
  std::uint64_t recoveries = 0;  // how often it was taken from a dead holder
};

// Read without taking anything; each part is true at some moment during the call. Times are those
// of the monotonic clock and for people: a member in another time namespace shifts its own.
struct LockInfo {
  enum class Word : std::uint8_t { kFree = 0, kHeld = 1, kOffered = 2 };
  Word word = Word::kFree;
  bool inconsistent = false;  // a holder died inside, and nobody has called mark_consistent since
  std::optional<LockMember> holder;
  std::chrono::nanoseconds held_for{0};  // 0: not known
  std::vector<LockWaiter> waiters;       // in queue order
  std::vector<LockMember> members;       // by slot; one that is not alive has died, not left
  std::vector<LockHandover> history;     // the newest first, at most 63
  LockTotals totals;
};

struct LockQueueOptions {
  Handover handover = Handover::kBounded;
  std::string label{};  // cut after 48 bytes; default: the program's name
};

// One attachment to a lock. Thread-safe: each thread that calls `acquire` queues for itself, and
// threads exclude each other as processes do. The kernel notices the death of a process, however
// it dies; nothing here decides by pid, time stamp or heartbeat.
class LockQueue {
 public:
  // Held from `acquire` to its destruction or `release`. Move-only; must not outlive the queue. In
  // a forked child it holds nothing and does nothing.
  class Guard {
   public:
    Guard(Guard&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      if (this != &other) {
        release();
        queue_ = std::exchange(other.queue_, nullptr);
      }
      return *this;
    }
    ~Guard() {
      if (queue_ != nullptr) release();
    }
    // True when a former holder died inside its critical section and nobody has called
    // `mark_consistent` since: what the lock protects may be half changed.
    [[nodiscard]] bool inconsistent() const noexcept;
    // What the lock protects has been repaired.
    void mark_consistent() noexcept;
    void release() noexcept;

   private:
    friend class lock::Queue;
    explicit Guard(lock::Queue* queue) noexcept : queue_(queue) {}
    lock::Queue* queue_;
  };

  // Attaches to the lock whose queue lives in `file`, made if missing, never removed. Up to 4,096
  // attachments at a time, kLimit beyond. Blocks only while another process lays the file out, and
  // not for ever: kBusy. A file that holds anything else is left alone: kUnsupported; so are
  // symbolic links and file systems that do not share locks and mappings between processes.
  [[nodiscard]] static Result<LockQueue> open(const std::filesystem::path& file,
                                              const LockQueueOptions& options = {});
  LockQueue(LockQueue&&) noexcept;
  LockQueue& operator=(LockQueue&&) noexcept;
  ~LockQueue();

  // kBusy (fail-fast, tries used up) and kTimedOut name the holder; kForked in a forked child;
  // kClosed if moved from.
  [[nodiscard]] Result<Guard> acquire(const Wait& wait = {});
  [[nodiscard]] Result<LockInfo> info() const;

  // The same from outside: attaches nothing, writes nothing, delays nobody, and needs only read
  // permission. Any thread of any process may call it at any time. Costs a mapping of the file
  // and one system call for each member. A file that is empty, just being laid out, or left from
  // an earlier boot or mount by members who are gone: a free lock that nobody is attached to.
  // kNotFound: there is no file. kUnsupported: it is no queue file, or one of another release that
  // is in use. kPermission, kIo as the kernel says.
  [[nodiscard]] static Result<LockInfo> look(const std::filesystem::path& file);

  // A descriptor, without close-on-exec, that keeps this attachment alive: the lock, if held, stays
  // held until the last copy of it is closed, wherever that copy has got to, even if this process
  // is killed. For a child program that shall keep the lock while it runs; it need not know.
  // Closing this queue, or releasing the guard, ends hold and attachment in spite of copies. Once
  // this process has died, the closing of the last copy is the death of the holder to the others:
  // they recover, and are told that the lock is inconsistent. Nobody should read or write through
  // it. The caller closes it; a program that another thread starts meanwhile inherits it too.
  // kForked in a forked child, kClosed if moved from, kLimit when there are no descriptors left.
  [[nodiscard]] Result<int> inheritable_descriptor() const;

 private:
  struct Impl;
  explicit LockQueue(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidelock
