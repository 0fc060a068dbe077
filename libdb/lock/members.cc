#include "lock/members.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "os/crash_point.h"
#include "os/process.h"

namespace tidelock::lock {

namespace {

// How many slots of the dead a newcomer tries to reuse before it starts a fresh one.
constexpr std::uint32_t kReuseTries = 16;

using LabelWords = std::array<std::uint64_t, kLabelSize / 8>;

LabelWords pack_label(std::string_view label) {
  LabelWords words{};
  std::memcpy(words.data(), label.data(), std::min(label.size(), kLabelSize));
  return words;
}

}  // namespace

std::string unpack_label(const std::atomic<std::uint64_t> (&words)[kLabelSize / 8]) {
  LabelWords read;
  for (std::size_t i = 0; i < read.size(); ++i) read[i] = words[i].load(std::memory_order_relaxed);
  char text[kLabelSize];
  std::memcpy(text, read.data(), kLabelSize);
  return {text, std::find(text, text + kLabelSize, '\0')};
}

Result<bool> Members::lock_slot(std::uint32_t slot) {
  return locks_.try_lock(first_byte_ + slot, os::ByteLocks::Mode::kExclusive);
}

std::uint32_t Members::slots_used() const noexcept {
  return std::min(file_.slots_used.load(std::memory_order_relaxed), kMemberSlots);
}

// Slots left in order first, then a few that the dead left, then fresh ones, then all: so that the
// table stays short and a newcomer does not knock at every living member's byte.
Result<std::uint32_t> Members::lock_any_slot() {
  const std::uint32_t used = slots_used();
  for (std::uint32_t slot = 0; slot < used; ++slot) {
    if (file_.members[slot].pid.load(std::memory_order_relaxed) != 0) continue;
    const Result<bool> taken = lock_slot(slot);
    if (!taken || *taken) return taken ? Result<std::uint32_t>(slot) : taken.error();
  }
  for (std::uint32_t i = 0; i < std::min(used, kReuseTries); ++i) {
    const std::uint32_t slot = file_.slot_cursor.fetch_add(1, std::memory_order_relaxed) % used;
    const Result<bool> taken = lock_slot(slot);
    if (!taken || *taken) return taken ? Result<std::uint32_t>(slot) : taken.error();
  }
  for (std::uint32_t i = 0; i < kMemberSlots; ++i) {
    const std::uint32_t slot = (used + i) % kMemberSlots;
    const Result<bool> taken = lock_slot(slot);
    if (!taken || *taken) return taken ? Result<std::uint32_t>(slot) : taken.error();
  }
  return Status(StatusCode::kLimit, "attach to the lock queue: all " +
                                        std::to_string(kMemberSlots) + " member slots are in use");
}

Status Members::sign_in(std::string_view label) {
  const Result<std::uint32_t> slot = lock_any_slot();
  if (!slot) return slot.error();
  TIDELOCK_CRASH_POINT("lock.member_locked");
  MemberSlot& member = file_.members[*slot];
  self_ = {*slot, member.generation.fetch_add(1) + 1};
  TIDELOCK_CRASH_POINT("lock.generation_bumped");
  const LabelWords words = pack_label(label);
  for (std::size_t i = 0; i < words.size(); ++i) {
    member.label[i].store(words[i], std::memory_order_relaxed);
  }
  for (auto* counter : {&member.view, &member.held_since_ns, &member.acquired, &member.waited,
                        &member.overtaken, &member.longest_wait_ns}) {
    counter->store(0, std::memory_order_relaxed);
  }
  const os::ProcessBirth birth = os::process_birth();
  member.pid_namespace.store(birth.pid_namespace, std::memory_order_relaxed);
  member.start_time.store(birth.start_time, std::memory_order_relaxed);
  member.nonce.store(os::random_u64(), std::memory_order_relaxed);
  member.pid.store(os::process_id(), std::memory_order_relaxed);
  std::uint32_t used = file_.slots_used.load(std::memory_order_relaxed);
  while (used <= *slot && !file_.slots_used.compare_exchange_weak(used, *slot + 1)) {
  }
  return {};
}

void Members::sign_out() noexcept {
  own_slot().pid.store(0, std::memory_order_relaxed);
  locks_.unlock(first_byte_ + self_.slot);
}

bool Members::alive(Identity who) const {
  if (who == self_) return true;
  if (who.slot >= kMemberSlots) return false;  // a word from a file: anything may stand there
  if (generation(who.slot) != who.generation) return false;
  const Result<bool> held = locks_.held_by_another(first_byte_ + who.slot);
  if (held && !*held) return false;
  // Held: by it, unless somebody attached to the slot between the two looks.
  return generation(who.slot) == who.generation;
}

bool Members::alive(EntryWord entry) const {
  const std::uint32_t current = generation(entry.slot());
  return entry.has_generation(current) && alive(Identity{entry.slot(), current});
}

LockMember Members::describe(std::uint32_t slot) const {
  const MemberSlot& member = file_.members[slot];
  const auto counter = [](const std::atomic<std::uint64_t>& value) {
    return value.load(std::memory_order_relaxed);
  };
  LockMember told;
  told.slot = slot;
  told.pid = member.pid.load(std::memory_order_relaxed);
  told.label = unpack_label(member.label);
  told.generation = generation(slot);
  told.alive = alive(Identity{slot, told.generation});
  told.acquired = counter(member.acquired);
  told.waited = counter(member.waited);
  told.overtaken = counter(member.overtaken);
  told.longest_wait = std::chrono::nanoseconds(counter(member.longest_wait_ns));
  told.view = counter(member.view);
  told.pid_namespace = counter(member.pid_namespace);
  told.start_time = counter(member.start_time);
  told.nonce = counter(member.nonce);
  told.byte = first_byte_ + slot;
  return told;
}

}  // namespace tidelock::lock
