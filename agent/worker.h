#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/churn.h"
#include "agent/clock.h"
#include "agent/random.h"
#include "agent/reader.h"
#include "agent/run_context.h"
#include "agent/stores/store.h"
#include "agent/workload/key_chooser.h"
#include "agent/workload/pace.h"
#include "agent/workload/trace.h"
#include "agent/writer.h"

namespace tidelock::agent {

// The work of one writer.
struct Assignment {
  std::uint32_t writer = 0;
  std::uint64_t operations = 0;  // to be done in all, predecessors included
  KeyChooser::Place place{};
};

// Does one writer's operations. One thread; the store may be shared with others, unless there is
// churn, which closes it now and then and puts another in its place.
class Worker {
 public:
  Worker(const Run& run, std::unique_ptr<Store>& store, std::unique_ptr<Session> session,
         const Assignment& assignment, std::uint64_t seed);

  // Until everything is done, the run is stopped, or an error (reported to the run's state) makes
  // it senseless to go on: then false.
  [[nodiscard]] bool work();
  // Writes every key that there is from the beginning.
  [[nodiscard]] bool preload();

 private:
  [[nodiscard]] bool stopped() const noexcept {
    return run_.state.stop().load(std::memory_order_relaxed);
  }
  // Sleeps until the next operation is due. When it was meant to begin, if that says anything.
  [[nodiscard]] std::uint64_t wait_for_turn();
  [[nodiscard]] bool all_done() const noexcept;
  void nap_until(std::uint64_t time_ns) const;
  [[nodiscard]] Status operate();
  // What is to be done next: as the trace says that is replayed, else at random.
  [[nodiscard]] TraceEntry choose();
  [[nodiscard]] std::uint32_t key_to_insert();
  void note_inserted(std::uint32_t key);
  [[nodiscard]] Status perform(const TraceEntry& task, Took& took);
  [[nodiscard]] Status put_or_erase(const TraceEntry& task, Took& took);
  [[nodiscard]] Status read_view(Took& took);
  void choose_batch(std::uint32_t key);
  void take_batch();  // of the trace
  [[nodiscard]] Status record(const TraceEntry& task);
  void note_latency(Action action, std::uint64_t intended_ns, const Took& took) noexcept;
  [[nodiscard]] bool is_timed() noexcept;
  void note_turn(std::uint64_t end_ns) noexcept;
  [[nodiscard]] bool fail(const Status& status);

  const Run& run_;
  const Workload& workload_;
  std::unique_ptr<Session> session_;
  const Assignment assignment_;
  WriterStats& stats_;
  Random random_;
  KeyChooser chooser_;
  Reader reader_;
  Writer writer_;
  Churn churn_;
  ActionMix mix_;
  std::optional<Schedule> schedule_;  // none: as fast as can
  std::chrono::milliseconds think_{0};
  std::uint32_t until_timed_ = 1;       // operations
  std::vector<Step> steps_;             // of a write
  const ClientTrace* trace_ = nullptr;  // what is to be replayed
  TraceLog* record_;                    // null: nothing is recorded
  std::vector<TraceEntry> recorded_;    // of one operation
};

}  // namespace tidelock::agent
