#include "memtable/counters.h"

namespace tidelock::memtable {

namespace {

using Cell = std::array<std::atomic<std::uint64_t>, 5>;

const Cell& current_cell(const SharedCounters& shared, std::uint64_t state) noexcept {
  return shared.cells[(state >> 32) & 1];
}

Counters load_cell(const Cell& cell) noexcept {
  // Pairs with the release in announce: who sees a value of a later operation sees a later state.
  const auto value = [&cell](std::size_t at) { return cell[at].load(std::memory_order_acquire); };
  return {.keys = value(0),
          .entries = value(1),
          .tombstones = value(2),
          .user_bytes = value(3),
          .node_bytes = value(4)};
}

}  // namespace

CountersView load(const SharedCounters& shared) noexcept {
  // Pairs with the release in settle. Ends: the state changes only while a writer is inserting.
  std::uint64_t state = shared.state.load(std::memory_order_acquire);
  for (;;) {
    const CountersView view{.counters = load_cell(current_cell(shared, state)),
                            .announced = static_cast<Ref>(state)};
    const std::uint64_t now = shared.state.load(std::memory_order_acquire);
    if (now == state) return view;
    state = now;
  }
}

void clear(SharedCounters& shared) noexcept {
  shared.state.store(0, std::memory_order_relaxed);
  for (Cell& cell : shared.cells) {
    for (std::atomic<std::uint64_t>& counter : cell) counter.store(0, std::memory_order_relaxed);
  }
}

Ref announced_entry(const SharedCounters& shared) noexcept {
  return static_cast<Ref>(shared.state.load(std::memory_order_relaxed));
}

Counters current(const SharedCounters& shared) noexcept {
  return load_cell(current_cell(shared, shared.state.load(std::memory_order_relaxed)));
}

void announce(SharedCounters& shared, const Counters& after, Ref entry) noexcept {
  const std::uint64_t state = shared.state.load(std::memory_order_relaxed);
  Cell& idle = shared.cells[((state >> 32) & 1) ^ 1];
  // Pairs with the acquire in load_cell.
  idle[0].store(after.keys, std::memory_order_release);
  idle[1].store(after.entries, std::memory_order_release);
  idle[2].store(after.tombstones, std::memory_order_release);
  idle[3].store(after.user_bytes, std::memory_order_release);
  idle[4].store(after.node_bytes, std::memory_order_release);
  // Pairs with the acquire in load.
  shared.state.store((state >> 32 << 32) | entry, std::memory_order_release);
}

void settle(SharedCounters& shared, Outcome outcome) noexcept {
  const std::uint64_t settled = shared.state.load(std::memory_order_relaxed) >> 32;
  const std::uint64_t now = outcome == Outcome::kPublished ? settled + 1 : settled;
  // Pairs with the acquire in load.
  shared.state.store(now << 32, std::memory_order_release);
}

}  // namespace tidelock::memtable
