#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "lock/layout.h"
#include "lock/word.h"
#include "os/byte_lock.h"
#include "tidelock/lock_queue.h"
#include "tidelock/status.h"

// Who is attached (Q2). The one evidence is the kernel's: a member holds the lock on its own byte
// for as long as it is attached, and the kernel drops it when the process ends, however it ends.
namespace tidelock::lock {

// A label's bytes as they lie in shared memory; it ends before the first zero.
[[nodiscard]] std::string unpack_label(const std::atomic<std::uint64_t> (&words)[kLabelSize / 8]);

// One attachment's place among the members. Thread-safe. Every attachment needs a ByteLocks of its
// own: the kernel reports no conflict between locks of one open file.
class Members {
 public:
  Members(QueueFile& file, os::ByteLocks& locks, std::uint64_t first_byte) noexcept
      : file_(file), locks_(locks), first_byte_(first_byte) {}

  // Locks a free member byte, then bumps the slot's generation, then signs in. kLimit when all
  // kMemberSlots are taken. A death in between leaves a slot that is free again.
  [[nodiscard]] Status sign_in(std::string_view label);
  // Precondition: signed in, in this process (not in a forked child of it).
  void sign_out() noexcept;

  [[nodiscard]] Identity self() const noexcept { return self_; }
  // Of the file whose bytes they lock.
  [[nodiscard]] const std::string& path() const noexcept { return locks_.file().path(); }
  [[nodiscard]] MemberSlot& own_slot() noexcept { return file_.members[self_.slot]; }

  // Whether that very attachment still exists. Oneself is never probed: the kernel answers "free"
  // to the owner. A probe that fails counts as alive, so that nobody is robbed on a guess.
  [[nodiscard]] bool alive(Identity who) const;
  // The same for the owner of a ring entry.
  [[nodiscard]] bool alive(EntryWord entry) const;
  // The generation now in use in a slot; its owner may be dead.
  [[nodiscard]] std::uint32_t generation(std::uint32_t slot) const noexcept {
    return file_.members[slot].generation.load();
  }

  // For display, also before one has signed in. A slot that changes hands meanwhile may be
  // described by parts of both.
  [[nodiscard]] LockMember describe(std::uint32_t slot) const;
  [[nodiscard]] std::uint32_t slots_used() const noexcept;

 private:
  [[nodiscard]] Result<std::uint32_t> lock_any_slot();
  [[nodiscard]] Result<bool> lock_slot(std::uint32_t slot);

  QueueFile& file_;
  os::ByteLocks& locks_;
  const std::uint64_t first_byte_;
  Identity self_{.slot = kMemberSlots, .generation = 0};  // nobody, until signed in
};

}  // namespace tidelock::lock
