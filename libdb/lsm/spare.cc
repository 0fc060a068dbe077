#include "lsm/spare.h"

#include <string>

#include "lsm/job_byte.h"
#include "lsm/place.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

bool covers(const MemtableSizes& have, const MemtableSizes& wanted) {
  return have.log >= wanted.log && have.arena >= wanted.arena;
}

}  // namespace

void remove_spare_files(const Context& context, std::uint64_t number) {
  if (!check_place(context).ok()) return;
  (void)os::unlink_file(state::file_path(context.directory, state::FileKind::kLog, number));
  (void)os::unlink_file(state::file_path(context.directory, state::FileKind::kArena, number));
}

std::optional<SpareFiles> find_spare(const state::Layout& shared, std::uint64_t active_number) {
  // Pairs with the release in prepare_spare.
  const std::uint64_t number = shared.spare.number.load(std::memory_order_acquire);
  // A roll that died before it could clear the word has left it naming the active log.
  if (number <= active_number) return std::nullopt;
  return SpareFiles{.number = number,
                    .sizes = {.log = shared.spare.log_size.load(std::memory_order_relaxed),
                              .arena = shared.spare.arena_size.load(std::memory_order_relaxed)},
                    .arena_nonce = shared.spare.arena_nonce.load(std::memory_order_relaxed)};
}

Status prepare_spare(Context& context, const MemtableSizes& sizes, const os::Deadline& deadline) {
  const Result<JobByte> byte =
      JobByte::take(context, kPrepareByte, deadline, "prepare a log in " + context.directory);
  if (!byte) return byte.error();
  if (Status status = check_place(context); !status.ok()) return status;
  state::Layout& shared = **context.state;
  const std::uint64_t active = shared.memtables.load().value.active().log_number;
  const std::optional<SpareFiles> old = find_spare(shared, active);
  if (old && covers(old->sizes, sizes)) return {};
  if (old) {
    // Withdrawn first; if a roll was faster, it has it, and a new one is due all the same.
    std::uint64_t expected = old->number;
    if (shared.spare.number.compare_exchange_strong(expected, 0)) {
      remove_spare_files(context, old->number);
    }
  }
  const std::uint64_t number = shared.next_file_number.fetch_add(1, std::memory_order_relaxed);
  Result<NewArena> arena = make_arena(context, number, sizes.arena);
  if (!arena) return arena.error();
  TIDELOCK_CRASH_POINT("spare.arena_made");
  // What was made, here or elsewhere, is named by nobody, and a sweep removes it.
  if (Status place = check_place(context); !place.ok()) return place;
  Result<os::File> log = make_log(context, number, sizes.log);
  if (!log) {
    remove_spare_files(context, number);
    return log.error();
  }
  TIDELOCK_CRASH_POINT("spare.log_made");
  if (Status place = check_place(context); !place.ok()) return place;
  shared.spare.log_size.store(sizes.log, std::memory_order_relaxed);
  shared.spare.arena_size.store(sizes.arena, std::memory_order_relaxed);
  shared.spare.arena_nonce.store(arena->nonce, std::memory_order_relaxed);
  shared.spare.number.store(number, std::memory_order_release);  // pairs with find_spare
  TIDELOCK_CRASH_POINT("spare.named");
  return {};
}

}  // namespace tidelock::lsm
