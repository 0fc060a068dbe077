#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/late_effects.h"
#include "agent/operation_id.h"
#include "agent/verdict.h"
#include "agent/workload/key_space.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// The check at the end of a run, when no client is left: does each key hold what the journals
// allow? Time and memory grow with the journals and with the keys; nothing is sorted.

struct JournalTotals {  // of writes; a batch is one
  std::uint64_t acknowledged = 0;
  std::uint64_t acknowledged_erases = 0;  // also within batches
  std::uint64_t refused = 0;
  std::uint64_t in_flight = 0;  // without an answer: killed in the middle
  std::uint64_t unknown = 0;
};

// What the journals say of each key, the newest operations included.
struct History {
  LateEffects late_effects;
  std::vector<KeyFacts> keys;
  JournalTotals totals;
};
[[nodiscard]] History read_history(std::span<const Journal> journals, std::uint32_t key_count);

// A key whose final value no order of the writes explains.
struct Mismatch {
  std::uint32_t key = 0;
  Finding found{};
  Verdict verdict = Verdict::kStale;
  KeyFacts facts{};
  std::vector<OperationId> expected;  // the first few operations that would explain the key
};

// The acknowledged write of `key` that began then; nullopt if there is none.
[[nodiscard]] std::optional<OperationId> find_acknowledged(std::span<const Journal> journals,
                                                           std::uint32_t key,
                                                           std::uint64_t begin_ns);

struct CheckResult {
  std::uint64_t keys = 0;            // looked at
  std::uint64_t lost = 0;            // stale: an acknowledged write is missing
  std::uint64_t impossible = 0;      // values that no write, or a refused one, made
  std::vector<Mismatch> mismatches;  // the first few
};

struct KeyToRead {
  std::uint32_t index;
  std::string_view name;
};
// Yields the final value of a key.
using ReadFinal = std::function<Result<std::optional<std::string>>(const KeyToRead& key)>;

// Reads these of the keys, in this order. The error is the first one of `read`.
[[nodiscard]] Result<CheckResult> check_final_values(const History& history, const KeySpace& keys,
                                                     std::span<const std::uint32_t> which,
                                                     const Evidence& evidence,
                                                     const ReadFinal& read);

}  // namespace tidelock::agent
