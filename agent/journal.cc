#include "agent/journal.h"

#include <atomic>
#include <type_traits>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kOutcomeBits = 2;

}  // namespace

struct Journal::Entry {
  std::atomic<std::uint64_t> begin_ns;         // both times of a batch's first operation only
  std::atomic<std::uint64_t> end_and_outcome;  // (if in flight: abandoned) ns << 2 | Outcome
  std::uint32_t key;
  OperationKind kind;
  std::uint8_t place;  // in its batch, from 0
  std::uint8_t batch_size;
  std::uint8_t unused;
};

Result<Journal> Journal::create(const std::string& directory, std::size_t reserved) {
  static_assert(std::is_standard_layout_v<Entry> && sizeof(Entry) == 24);
  Result<EntryFile> file = EntryFile::create(directory, sizeof(Entry), reserved);
  if (!file) return std::move(file).error();
  return Journal(*std::move(file));
}

Journal::Entry& Journal::entry(std::uint64_t counter) const noexcept {
  return *reinterpret_cast<Entry*>(file_.at(counter));
}

Result<std::uint64_t> Journal::begin(std::span<const Step> steps, std::uint64_t now_ns) {
  const std::uint64_t first = size();
  if (Status status = file_.make_room(first + steps.size()); !status.ok()) return status;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Entry& entry = this->entry(first + i);
    entry.begin_ns.store(now_ns, std::memory_order_relaxed);
    entry.end_and_outcome.store(0, std::memory_order_relaxed);
    entry.key = steps[i].key;
    entry.kind = steps[i].kind;
    entry.place = static_cast<std::uint8_t>(i);
    entry.batch_size = static_cast<std::uint8_t>(steps.size());
  }
  file_.set_size(first + steps.size());
  return first;
}

void Journal::begin_again(std::uint64_t counter, std::uint64_t now_ns) noexcept {
  // Readers use the begin of answered operations only; end() publishes it.
  entry(counter).begin_ns.store(now_ns, std::memory_order_relaxed);
}

void Journal::end(std::uint64_t counter, Outcome outcome, std::uint64_t now_ns) noexcept {
  const std::uint64_t word = now_ns << kOutcomeBits | static_cast<std::uint64_t>(outcome);
  // J1; pairs with the acquire in find().
  entry(counter).end_and_outcome.store(word, std::memory_order_release);
}

void Journal::abandon(std::uint64_t now_ns) noexcept {
  if (size() == 0) return;
  const Operation last = *find(size() - 1);
  if (last.outcome == Outcome::kInFlight && last.abandoned_ns == 0) {
    end(last.batch, Outcome::kInFlight, now_ns);
  }
}

std::optional<Operation> Journal::find(std::uint64_t counter) const noexcept {
  if (counter >= size()) return std::nullopt;
  const Entry& entry = this->entry(counter);
  const Entry& first = this->entry(counter - entry.place);
  // Pairs with the release in end().
  const std::uint64_t word = first.end_and_outcome.load(std::memory_order_acquire);
  const auto outcome = static_cast<Outcome>(word & ((1u << kOutcomeBits) - 1));
  const bool in_flight = outcome == Outcome::kInFlight;
  const std::uint64_t noted_ns = word >> kOutcomeBits;
  return Operation{.key = entry.key,
                   .kind = entry.kind,
                   .outcome = outcome,
                   .begin_ns = first.begin_ns.load(std::memory_order_relaxed),
                   .end_ns = in_flight ? 0 : noted_ns,
                   .abandoned_ns = in_flight ? noted_ns : 0,
                   .batch = counter - entry.place,
                   .batch_size = entry.batch_size};
}

}  // namespace tidelock::agent
