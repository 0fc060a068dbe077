#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
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
// A read-only attachment follows the shared state where one lives. Where none does, it replays the
// logs into private memory, and looks again ten times a second whether a writer has built one.
// While that is being built anew it answers with what it saw last.
class ViewSource {
 public:
  ViewSource(Context& context, Catalog& catalog);

  // The newest point. A write that returned before the call, in any process, lies before it.
  [[nodiscard]] Result<ReadPoint> now(Horizon horizon);
  // Adopts the newest view.
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
  [[nodiscard]] Result<ReadPoint> read_only_point(Horizon horizon);
  [[nodiscard]] Status look_for_shared_state();
  [[nodiscard]] Status replay_privately();

  Context& context_;
  Catalog& catalog_;
  std::atomic<const state::SharedState*> shared_;
  mutable std::mutex view_mutex_;  // held for a copy of view_
  ViewPtr view_;
  std::mutex adopt_mutex_;  // one adoption at a time
  // Read-only attachments:
  std::atomic<std::uint64_t> last_sequence_{0};              // of the last answer
  std::vector<std::unique_ptr<state::SharedState>> mapped_;  // under adopt_mutex_; all kept
  os::Deadline look_again_;                                  // under adopt_mutex_
};

}  // namespace tidelock::lsm
