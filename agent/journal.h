#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "agent/entry_file.h"
#include "tidelock/status.h"

namespace tidelock::agent {

enum class OperationKind : std::uint8_t { kPut = 0, kErase = 1 };

enum class Outcome : std::uint8_t {
  kInFlight = 0,      // no answer: in progress, or its client was killed; may have happened
  kAcknowledged = 1,  // committed
  kRefused = 2,       // the store said that nothing was changed (busy, timed out)
  kUnknown = 3,       // an error that promises nothing; may have happened
};

// One put or erase as its journal tells it, alone or of a batch; the operations of a batch have one
// outcome. It was in progress from `begin_ns` to `end_ns` at most.
struct Operation {
  std::uint32_t key = 0;
  OperationKind kind = OperationKind::kPut;
  Outcome outcome = Outcome::kInFlight;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;        // 0 while in flight
  std::uint64_t abandoned_ns = 0;  // in flight, and its client known to be dead since; or 0
  // Without an answer, no effect of it came later than this.
  std::uint64_t unanswered_until_ns = UINT64_MAX;
  std::uint64_t batch = 0;       // number of the first operation of the batch: its own, if alone
  std::uint32_t batch_size = 1;  // operations

  // Its effect, if any, came before this moment. An operation without an answer may still take
  // effect when another process finishes what a dead one committed; LateEffects tells until when.
  [[nodiscard]] std::uint64_t latest_effect_ns() const noexcept {
    const bool answered = outcome == Outcome::kAcknowledged || outcome == Outcome::kRefused;
    return answered ? end_ns : unanswered_until_ns;
  }
};

// What is asked for of one key.
struct Step {
  std::uint32_t key = 0;
  OperationKind kind = OperationKind::kPut;
  std::uint32_t value_size = 0;  // bytes, where values may have any size
};

// All writes of one writer, in order: what it asked, and what it was answered. An EntryFile, with
// its rules about writers and readers. The writer notes an operation before it asks the store for
// it, so whoever meets a value finds the operation it names.
// J1. `end_and_outcome` is one word, that of a batch's first operation: the answer and its time
//     appear together and for all of the batch, or not at all.
// A death leaves at most one batch in flight, the last of its client. Who saw the death notes it
// before a successor begins.
class Journal {
 public:
  [[nodiscard]] static Result<Journal> create(const std::string& directory,
                                              std::size_t reserved = EntryFile::kReserved);

  // Notes the intent to do these together; the result is the number of the first one, its counter,
  // which the others follow. kNoSpace if the file cannot grow.
  [[nodiscard]] Result<std::uint64_t> begin(std::span<const Step> steps, std::uint64_t now_ns);
  // The operation is asked for once more; what went before is known to have changed nothing.
  void begin_again(std::uint64_t counter, std::uint64_t now_ns) noexcept;
  void end(std::uint64_t counter, Outcome outcome, std::uint64_t now_ns) noexcept;
  // The writer is dead: a batch in flight stays without an answer.
  void abandon(std::uint64_t now_ns) noexcept;

  // Copies what it holds to a file, which must not exist.
  [[nodiscard]] Status save(const std::string& path) const { return file_.save(path); }

  [[nodiscard]] std::uint64_t size() const noexcept { return file_.size(); }
  // nullopt if there is no such operation.
  [[nodiscard]] std::optional<Operation> find(std::uint64_t counter) const noexcept;

 private:
  struct Entry;
  explicit Journal(EntryFile file) noexcept : file_(std::move(file)) {}
  [[nodiscard]] Entry& entry(std::uint64_t counter) const noexcept;

  EntryFile file_;
};

}  // namespace tidelock::agent
