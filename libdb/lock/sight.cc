#include "lock/sight.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "lock/ring.h"
#include "os/clock.h"

namespace tidelock::lock {

namespace {

using std::chrono::nanoseconds;

constexpr auto kRelaxed = std::memory_order_relaxed;

nanoseconds duration(std::uint64_t ns) {
  return nanoseconds(static_cast<std::int64_t>(ns));
}

// A clock of another process may be ahead, and damage far ahead.
nanoseconds since(std::uint64_t then_ns) {
  const auto now_ns = static_cast<std::uint64_t>(os::monotonic_now().count());
  return duration(now_ns > then_ns ? now_ns - then_ns : 0);
}

}  // namespace

nanoseconds Sight::held_for() const {
  const LockWord word{file_.lock.word.load()};
  if (!word.is_held()) return nanoseconds(0);
  const std::uint64_t since_ns = file_.members[word.owner().slot].held_since_ns.load(kRelaxed);
  return since_ns == 0 ? nanoseconds(0) : since(since_ns);
}

BusyInfo Sight::busy_info() const {
  BusyInfo busy;
  const LockWord word{file_.lock.word.load()};
  if (!word.is_free()) {
    const LockMember holder = members_.describe(word.owner().slot);
    busy.holder_pid = holder.pid;
    busy.holder_label = holder.label;
    busy.held_for = held_for();
  }
  // The dead do not count; to ask of each in a long queue would cost too much.
  constexpr std::uint32_t kProbesMax = 32;
  std::uint32_t probes = 0;
  Ring(file_).for_each([&](std::uint64_t, EntryWord entry, std::uint64_t) {
    if (++probes > kProbesMax || members_.alive(entry)) ++busy.waiters;
  });
  return busy;
}

std::vector<LockWaiter> Sight::waiters() const {
  std::vector<LockWaiter> told;
  Ring(file_).for_each([&](std::uint64_t ticket, EntryWord entry, std::uint64_t since_ns) {
    if (!members_.alive(entry)) return;  // nobody has stepped over it yet
    const MemberSlot& member = file_.members[entry.slot()];
    told.push_back({.ticket = ticket,
                    .slot = entry.slot(),
                    .pid = member.pid.load(kRelaxed),
                    .label = unpack_label(member.label),
                    .waiting_for = since(since_ns)});
  });
  return told;
}

std::vector<LockHandover> Sight::history() const {
  std::vector<LockHandover> told;
  // Pairs with the release in Queue::record_handover.
  const std::uint64_t recorded = file_.handovers_recorded.load(std::memory_order_acquire);
  // The oldest one is where the next is written.
  const std::uint64_t kept = std::min<std::uint64_t>(recorded, kHistoryLength - 1);
  for (std::uint64_t i = 1; i <= kept; ++i) {
    const HandoverRecord& record = file_.history[(recorded - i) % kHistoryLength];
    told.push_back({.slot = static_cast<std::uint32_t>(record.slot.load(kRelaxed)),
                    .pid = static_cast<std::int32_t>(record.pid.load(kRelaxed)),
                    .label = unpack_label(record.label),
                    .recovered = record.recovered.load(kRelaxed) != 0,
                    .waited = duration(record.waited_ns.load(kRelaxed)),
                    .ago = since(record.at_ns.load(kRelaxed))});
  }
  // Those that were written over meanwhile are parts of two.
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::uint64_t newer = file_.handovers_recorded.load(kRelaxed) - recorded;
  const std::uint64_t whole =
      kHistoryLength - 1 - std::min<std::uint64_t>(newer, kHistoryLength - 1);
  if (told.size() > whole) told.resize(whole);
  return told;
}

LockInfo Sight::info() const {
  LockInfo told;
  const LockWord word{file_.lock.word.load()};
  told.inconsistent = word.inconsistent();
  if (word.is_held()) told.word = LockInfo::Word::kHeld;
  if (word.is_offered()) told.word = LockInfo::Word::kOffered;
  if (!word.is_free()) {
    told.holder = members_.describe(word.owner().slot);
    told.holder->generation = word.owner().generation;  // the slot may be another's by now
    told.holder->alive = members_.alive(word.owner());
    told.held_for = held_for();
  }
  told.waiters = waiters();
  for (std::uint32_t slot = 0; slot < members_.slots_used(); ++slot) {
    LockMember member = members_.describe(slot);
    if (member.pid != 0) told.members.push_back(std::move(member));
  }
  told.history = history();
  told.totals = {.acquired = file_.lock.acquired.load(kRelaxed),
                 .hand_overs = file_.statistics.hand_overs.load(kRelaxed),
                 .lapses = file_.statistics.lapses.load(kRelaxed),
                 .evictions = file_.statistics.evictions.load(kRelaxed),
                 .recoveries = file_.statistics.recoveries.load(kRelaxed)};
  return told;
}

Result<LockInfo> look(const DistantSite& site, bool trusted_when_idle) {
  const Result<bool> in_use = site.probe.held_in_any_mode(site.open_byte);
  if (!in_use) return in_use.error();
  const bool known = valid(site.bytes, std::nullopt);
  if (*in_use ? known : known && trusted_when_idle) {
    auto& file = *reinterpret_cast<QueueFile*>(site.bytes.data());
    const Members members(file, site.probe, site.first_member_byte);
    return Sight(file, members).info();
  }
  if (!*in_use) return LockInfo();
  const Result<bool> laid_out_now = site.probe.held_by_another(site.open_byte);
  if (!laid_out_now) return laid_out_now.error();
  // Asked once more, for the one who laid it out may be done.
  if (*laid_out_now || valid(site.bytes, std::nullopt)) return LockInfo();
  return Status(StatusCode::kUnsupported, "look at " + site.probe.file().path() +
                                              ": in use by another release of this library");
}

}  // namespace tidelock::lock
