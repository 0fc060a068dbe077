#include "agent/run_state.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace tidelock::agent {
namespace {

constexpr std::size_t kKept = 10;  // contradictions

// A record is claimed by one client and read once `written`; one whose client died stays unread.
struct FailureRecord {
  std::atomic<bool> claimed;
  std::atomic<bool> written;
  StatusCode code;
  char message[1024];
};

struct ContradictionRecord {
  std::atomic<bool> written;
  Contradiction contradiction;
};

}  // namespace

struct RunState::Control {
  std::atomic<std::uint32_t> opened;
  std::atomic<bool> go;
  std::atomic<bool> stop;
  Counter start_ns;
  Population population;
  FailureRecord failure;
  std::atomic<std::uint64_t> contradiction_count;
  ContradictionRecord contradictions[kKept];
};

namespace {

template <typename T>
std::span<T> carve(std::byte*& from, std::uint32_t count) noexcept {
  static_assert(std::is_standard_layout_v<T> && std::is_trivially_destructible_v<T>);
  const std::span<T> span(reinterpret_cast<T*>(from), count);
  from += span.size_bytes();
  return span;
}

}  // namespace

RunState::RunState(SharedMapping mapping, const Shape& shape) noexcept
    : mapping_(std::move(mapping)) {
  std::byte* from = mapping_.data();
  writers_ = carve<WriterStats>(from, shape.writers);  // most aligned first
  slots_ = carve<SlotStats>(from, shape.slots);
  ledger_ = carve<LedgerEntry>(from, shape.keys);
}

Result<RunState> RunState::create(const Shape& shape) {
  static_assert(alignof(Control) <= alignof(LedgerEntry) && std::is_standard_layout_v<Control>);
  const std::size_t size = shape.writers * sizeof(WriterStats) + shape.slots * sizeof(SlotStats) +
                           shape.keys * sizeof(LedgerEntry) + sizeof(Control);
  Result<SharedMapping> mapping = SharedMapping::anonymous(size);
  if (!mapping) return std::move(mapping).error();
  return RunState(*std::move(mapping), shape);
}

RunState::Control& RunState::control() const noexcept {
  return *reinterpret_cast<Control*>(ledger_.data() + ledger_.size());
}

std::atomic<std::uint32_t>& RunState::opened() const noexcept {
  return control().opened;
}
std::atomic<bool>& RunState::go() const noexcept {
  return control().go;
}
std::atomic<bool>& RunState::stop() const noexcept {
  return control().stop;
}

Counter& RunState::start_ns() const noexcept {
  return control().start_ns;
}
Population& RunState::population() const noexcept {
  return control().population;
}

void RunState::report_failure(const Status& status) const noexcept {
  FailureRecord& record = control().failure;
  if (record.claimed.exchange(true, std::memory_order_relaxed)) return;
  record.code = status.code();
  const std::size_t length = std::min(status.message().size(), sizeof record.message - 1);
  std::memcpy(record.message, status.message().data(), length);
  // Pairs with the acquire in first_failure(). The message ends at a zero byte of fresh memory.
  record.written.store(true, std::memory_order_release);
}

Status RunState::first_failure() const {
  const FailureRecord& record = control().failure;
  if (!record.written.load(std::memory_order_acquire)) return Status();
  return Status(record.code, record.message);
}

void RunState::report_contradiction(const Contradiction& contradiction) const noexcept {
  const std::uint64_t index = control().contradiction_count.fetch_add(1, std::memory_order_relaxed);
  if (index >= kKept) return;
  ContradictionRecord& record = control().contradictions[index];
  record.contradiction = contradiction;
  // Pairs with the acquire in first_contradictions().
  record.written.store(true, std::memory_order_release);
}

std::uint64_t RunState::contradictions() const noexcept {
  return control().contradiction_count.load(std::memory_order_relaxed);
}

std::vector<Contradiction> RunState::first_contradictions() const {
  std::vector<Contradiction> kept;
  for (const ContradictionRecord& record : control().contradictions) {
    if (record.written.load(std::memory_order_acquire)) kept.push_back(record.contradiction);
  }
  return kept;
}

}  // namespace tidelock::agent
