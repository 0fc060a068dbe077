#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/random.h"
#include "agent/retry_delays.h"
#include "agent/run_context.h"
#include "agent/stores/store.h"
#include "agent/took.h"

namespace tidelock::agent {

// The writes of one writer. Each is noted in its journal before it is asked for, if the run is to
// be judged, and tried again while the store is busy, as the run's settings say. `took` begins
// with the time at which the operation did, or 0 if nobody wants to know; it gets its end.
// kBusy and kTimedOut: given up. Other errors are those of the store.
class Writer {
 public:
  Writer(const Run& run, const std::unique_ptr<Session>& session, std::uint32_t writer);

  // Bytes of a value of the last write; 0: that step was an erase.
  [[nodiscard]] std::uint32_t value_size(std::size_t step) const noexcept {
    const auto& value = changes_[step].value;
    return value ? static_cast<std::uint32_t>(value->size()) : 0;
  }
  [[nodiscard]] Status write(std::span<const Step> steps, bool durable, Took& took, Random& random);

 private:
  struct Attempts {  // how a write went
    Status status;
    std::uint64_t begin_ns = 0;  // of the last attempt
    std::uint64_t end_ns = 0;
  };
  void make_changes(std::span<const Step> steps, std::uint64_t counter);
  [[nodiscard]] Status write_unjudged(std::span<const Step> steps, bool durable, Took& took,
                                      Random& random);
  [[nodiscard]] Attempts attempt(std::uint64_t counter, std::uint64_t begin_ns, bool durable,
                                 Random& random);
  void back_off(std::optional<RetryDelays>& delays, Random& random);
  [[nodiscard]] bool give_up(std::uint32_t attempts, std::uint64_t waited_ns) const noexcept;
  // Counts what came of it; the answer if it is an error.
  [[nodiscard]] Status conclude(const Status& status, std::size_t steps);

  const Run& run_;
  const std::unique_ptr<Session>& session_;
  const std::uint32_t writer_;
  Journal* const journal_;  // null: nothing is judged
  WriterStats& stats_;
  const std::uint64_t deadline_ns_;
  std::uint64_t counter_ = 0;  // of the next operation, without a journal
  std::vector<Change> changes_;
  std::vector<std::string> names_, values_;  // of the changes
};

}  // namespace tidelock::agent
