#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lsm/catalog.h"
#include "lsm/context.h"
#include "lsm/open_memtable.h"
#include "lsm/table_set.h"
#include "os/clock.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Everything there is to read, pinned inside this process: mappings of memtables and tables. What
// it holds never changes but for the active memtable, which grows; so a view together with a
// sequence number is a snapshot. Dropping the last reference is all the cleaning up there is.
struct View {
  std::uint64_t epoch = 0;  // of the shared state; 0: built privately from manifest and logs
  std::uint64_t memtables_word = 0;  // which publication each half is
  std::uint64_t tables_word = 0;
  std::vector<std::shared_ptr<const OpenMemtable>> memtables;  // newest first
  std::shared_ptr<const TableSet> tables;
  // For read-only attachments: the highest sequence numbers that were answered with this view, or
  // with one before it. Kept here, so that no thread pairs a number with another view.
  mutable std::atomic<std::uint64_t> answered_visible{0};
  mutable std::atomic<std::uint64_t> answered_durable{0};
};

// One point in the commit order.
struct ReadPoint {
  std::shared_ptr<const View> view;
  std::uint64_t sequence = 0;
};

enum class Horizon : std::uint8_t { kVisible, kDurable };

// The view this process has adopted, and the adoption of newer ones (rules V1, V2). Thread-safe.
// Readers write nothing that others see; while the view is unchanged they make no system call.
//
// A read-only attachment follows the shared state where one lives, and answers with what it saw
// last while that is being built anew. Where none lives, or a memtable it names is lost or damaged,
// it replays the logs into private memory; up to V and whenever V has moved, if there is a shared
// state that fits but cannot be followed. Ten times a second its next read looks around:
//   - nothing followed: is there a shared state by now?
//   - another STATE in the directory than the one followed: the database was made anew (then it is
//     another one, and all reads fail from now on), or restored (then that one is followed). So
//     what was written there may be missed for a tenth of a second, and no longer.
//   - STATE gone, or a link in its place, CURRENT still there: whoever is attached still uses the
//     one that is followed.
//   - STATE laid out as another release does, and somebody attached: reads fail until that ends.
class ViewSource {
 public:
  ViewSource(Context& context, Catalog& catalog);

  // The newest point. A write that returned before the call, in any process, lies before it.
  [[nodiscard]] Result<ReadPoint> now(Horizon horizon);
  // Adopts the newest view. A read-only attachment looks around, and replays anew.
  [[nodiscard]] Status refresh();
  // Number of the table half that the adopted view has; 0 before the first.
  [[nodiscard]] std::uint64_t adopted_tables() const;
  // The shared state this attachment goes by; null while a read-only one has none.
  [[nodiscard]] const state::SharedState* shared() const {
    return shared_.load(std::memory_order_acquire);
  }

 private:
  using ViewPtr = std::shared_ptr<const View>;

  [[nodiscard]] ViewPtr adopted() const;
  [[nodiscard]] bool is_current(const View& view, const state::SharedState& shared) const;
  [[nodiscard]] Status adopt(const state::SharedState& shared);
  [[nodiscard]] Result<ViewPtr> build(const state::SharedState& shared);
  [[nodiscard]] Status fill(View& view, const state::MemtableHalf& memtables,
                            std::uint64_t oldest_log, const View* previous) const;
  [[nodiscard]] Result<ReadPoint> point(const state::SharedState& shared, Horizon horizon);
  [[nodiscard]] Result<manifest::Version> version_of(const state::TableHalf& half, bool newest);
  [[nodiscard]] Result<ReadPoint> read_only_point(Horizon horizon);
  [[nodiscard]] Result<ReadPoint> last_point(Horizon horizon);
  [[nodiscard]] std::optional<std::uint64_t> visible_to_others() const;
  [[nodiscard]] Status check_release();
  void note_release(bool another);
  [[nodiscard]] bool look_is_due() const;
  [[nodiscard]] bool trusts(const state::SharedState& shared) const;
  [[nodiscard]] bool built_anew(const state::SharedState& shared) const;
  [[nodiscard]] bool look_around();
  [[nodiscard]] Status validate(const state::SharedState& shared) const;
  void follow(const state::SharedState* shared);

  Context& context_;
  Catalog& catalog_;
  std::atomic<const state::SharedState*> shared_;
  mutable std::mutex view_mutex_;  // held for a copy of view_
  ViewPtr view_;
  std::mutex adopt_mutex_;  // one adoption at a time
  // Read-only attachments:
  std::atomic<std::uint64_t> trusted_epoch_{0};              // of the shared state, once validated
  std::atomic<std::int64_t> look_again_at_{0};               // monotonic nanoseconds
  std::vector<std::unique_ptr<state::SharedState>> mapped_;  // under adopt_mutex_; all kept
  bool another_release_ = false;  // under adopt_mutex_: whether the last one seen is laid out so
  std::optional<os::Deadline> foreign_until_;  // under adopt_mutex_: how long it is waited for
  std::uint64_t fitting_epoch_ = 0;  // under adopt_mutex_: of the last one mapped; 0: does not fit
};

}  // namespace tidelock::lsm
