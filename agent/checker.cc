#include "agent/checker.h"

#include <algorithm>

namespace tidelock::agent {
namespace {

constexpr std::size_t kMismatchesKept = 10;
constexpr std::size_t kExpectedKept = 4;

void count(OperationId id, const Operation& operation, JournalTotals& totals) {
  const bool erase = operation.kind == OperationKind::kErase;
  if (erase && operation.outcome == Outcome::kAcknowledged) ++totals.acknowledged_erases;
  if (operation.batch != id.counter) return;
  switch (operation.outcome) {
    case Outcome::kAcknowledged:
      ++totals.acknowledged;
      return;
    case Outcome::kRefused:
      ++totals.refused;
      return;
    case Outcome::kInFlight:
      ++totals.in_flight;
      return;
    case Outcome::kUnknown:
      ++totals.unknown;
      return;
  }
}

void add(const Operation& operation, KeyFacts& facts) {
  if (operation.outcome == Outcome::kAcknowledged) {
    facts.newest_begin_ns = std::max(facts.newest_begin_ns, operation.begin_ns);
  }
  if (operation.kind == OperationKind::kErase && operation.outcome != Outcome::kRefused) {
    facts.latest_erase_ns = std::max(facts.latest_erase_ns, operation.latest_effect_ns());
  }
}

template <typename Visit>
void for_each_operation(std::span<const Journal> journals, Visit visit) {
  for (std::uint32_t writer = 0; writer < journals.size(); ++writer) {
    const std::uint64_t size = journals[writer].size();
    for (std::uint64_t counter = 0; counter < size; ++counter) {
      visit(OperationId{.writer = writer, .counter = counter}, *journals[writer].find(counter));
    }
  }
}

void find_expected(const History& history, std::span<const Journal> journals,
                   std::vector<Mismatch>& mismatches) {
  if (mismatches.empty()) return;
  for_each_operation(journals, [&](OperationId id, const Operation& operation) {
    if (operation.outcome == Outcome::kRefused) return;
    for (Mismatch& mismatch : mismatches) {
      if (mismatch.key == operation.key && mismatch.expected.size() < kExpectedKept &&
          history.late_effects.bounded(operation).latest_effect_ns() >=
              mismatch.facts.newest_begin_ns) {
        mismatch.expected.push_back(id);
      }
    }
  });
}

}  // namespace

History read_history(std::span<const Journal> journals, std::uint32_t key_count) {
  History history{.late_effects = LateEffects(journals),
                  .keys = std::vector<KeyFacts>(key_count),
                  .totals = {}};
  for_each_operation(journals, [&](OperationId id, const Operation& operation) {
    count(id, operation, history.totals);
    if (operation.key >= key_count) return;
    add(history.late_effects.bounded(operation), history.keys[operation.key]);
  });
  return history;
}

std::optional<OperationId> find_acknowledged(std::span<const Journal> journals, std::uint32_t key,
                                             std::uint64_t begin_ns) {
  std::optional<OperationId> found;
  for_each_operation(journals, [&](OperationId id, const Operation& operation) {
    if (operation.key == key && operation.begin_ns == begin_ns &&
        operation.outcome == Outcome::kAcknowledged) {
      found = id;
    }
  });
  return found;
}

Result<CheckResult> check_final_values(const History& history, const KeySpace& keys,
                                       std::span<const std::uint32_t> which,
                                       const Evidence& evidence, const ReadFinal& read) {
  CheckResult result;
  std::string buffer;
  for (const std::uint32_t key : which) {
    const Result<std::optional<std::string>> value = read({key, keys.at(key, buffer)});
    if (!value) return value.error();
    ++result.keys;
    Finding found = interpret(key, *value, evidence);
    found.operation = history.late_effects.bounded(found.operation);
    const Verdict verdict = judge(found, history.keys[key]);
    if (verdict == Verdict::kSound) continue;
    ++(verdict == Verdict::kStale ? result.lost : result.impossible);
    if (result.mismatches.size() < kMismatchesKept) {
      result.mismatches.push_back({.key = key,
                                   .found = found,
                                   .verdict = verdict,
                                   .facts = history.keys[key],
                                   .expected = {}});
    }
  }
  find_expected(history, evidence.journals, result.mismatches);
  return result;
}

}  // namespace tidelock::agent
