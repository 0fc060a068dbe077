#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/shared_mapping.h"
#include "tidelock/status.h"

namespace tidelock::agent {

enum class OperationKind : std::uint8_t { kPut = 0, kErase = 1 };

enum class Outcome : std::uint8_t {
  kInFlight = 0,      // no answer: in progress, or its client was killed; may have happened
  kAcknowledged = 1,  // committed
  kRefused = 2,       // the store said that nothing was changed (busy, timed out)
  kUnknown = 3,       // an error that promises nothing; may have happened
};

// One write as its journal tells it. It was in progress from `begin_ns` to `end_ns` at most.
struct Operation {
  std::uint32_t key = 0;
  OperationKind kind = OperationKind::kPut;
  Outcome outcome = Outcome::kInFlight;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;  // 0 while in flight

  // Its effect, if any, came before this moment: an operation without an answer may still take
  // effect later, when another process finishes what a dead one committed.
  [[nodiscard]] std::uint64_t latest_effect_ns() const noexcept {
    const bool answered = outcome == Outcome::kAcknowledged || outcome == Outcome::kRefused;
    return answered ? end_ns : UINT64_MAX;
  }
};

// All writes of one writer, in order: what it asked, and what it was answered. A file outside the
// database, mapped by all clients, so that it outlives its writer and anybody may read it. It has
// no name, and so goes with the last process that has it: nobody need clean up.
//
// One writer at a time; when it is killed its successor goes on behind its last entry. Any number
// of readers. The writer notes an operation before it asks the store for it, so whoever meets a
// value finds the operation it names:
// J1. An entry is filled before the count that covers it is raised (release; readers acquire).
// J2. `end_and_outcome` is one word: the answer and its time appear together or not at all.
// A death leaves at most one entry in flight, the last of its client.
class Journal {
 public:
  [[nodiscard]] static Result<Journal> create(const std::string& directory);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  // Notes the intent; the result is the operation's number, its counter. kNoSpace if the file
  // cannot grow.
  [[nodiscard]] Result<std::uint64_t> begin(std::uint32_t key, OperationKind kind,
                                            std::uint64_t now_ns);
  // The operation is asked for once more; what went before is known to have changed nothing.
  void begin_again(std::uint64_t counter, std::uint64_t now_ns) noexcept;
  void end(std::uint64_t counter, Outcome outcome, std::uint64_t now_ns) noexcept;

  // Copies what it holds to a file, which must not exist.
  [[nodiscard]] Status save(const std::string& path) const;

  [[nodiscard]] std::uint64_t size() const noexcept;
  // nullopt if there is no such operation.
  [[nodiscard]] std::optional<Operation> find(std::uint64_t counter) const noexcept;

 private:
  struct Header;
  struct Entry;
  Journal(int descriptor, SharedMapping mapping) noexcept;
  [[nodiscard]] Header& header() const noexcept;
  [[nodiscard]] Entry& entry(std::uint64_t counter) const noexcept;
  [[nodiscard]] Status make_room(std::uint64_t entries);

  int descriptor_;
  SharedMapping mapping_;
  std::uint64_t room_ = 0;  // entries that fit into the file; the writer's own knowledge
};

}  // namespace tidelock::agent
