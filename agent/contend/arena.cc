#include "agent/contend/arena.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace tidelock::agent::contend {
namespace {

struct alignas(128) MutexPlace {
  pthread_mutex_t mutex;
};

template <typename T>
std::span<T> carve(std::byte*& from, std::size_t count) noexcept {
  static_assert(std::is_standard_layout_v<T> && alignof(T) == 128 && sizeof(T) % 128 == 0);
  const std::span<T> span(reinterpret_cast<T*>(from), count);
  from += span.size_bytes();
  return span;
}

void make_robust(pthread_mutex_t& mutex) {
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&mutex, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
}

}  // namespace

Arena::Arena(SharedMapping mapping, std::uint32_t processes) noexcept
    : mapping_(std::move(mapping)) {
  std::byte* from = mapping_.data();
  control_ = &carve<Control>(from, 1).front();
  guarded_ = &carve<Guarded>(from, 1).front();
  mutex_ = &carve<MutexPlace>(from, 1).front().mutex;
  presences_ = carve<Presence>(from, processes);
  tallies_ = carve<Tally>(from, processes);
}

Result<Arena> Arena::create(std::uint32_t processes) {
  const std::size_t size = sizeof(Control) + sizeof(Guarded) + sizeof(MutexPlace) +
                           processes * (sizeof(Presence) + sizeof(Tally));
  Result<SharedMapping> mapping = SharedMapping::anonymous(size);
  if (!mapping) return mapping.error();
  Arena arena(*std::move(mapping), processes);
  make_robust(arena.mutex());
  return arena;
}

void Arena::report_failure(const Status& status) const noexcept {
  if (control_->failed.exchange(true, std::memory_order_relaxed)) return;
  control_->failure_code = status.code();
  const std::size_t length =
      std::min(status.message().size(), sizeof control_->failure_message - 1);
  std::memcpy(control_->failure_message, status.message().data(), length);
  // Pairs with the acquire in first_failure(). The message ends at a zero byte of fresh memory.
  control_->failure_written.store(true, std::memory_order_release);
}

Status Arena::first_failure() const {
  if (!control_->failure_written.load(std::memory_order_acquire)) return Status();
  return Status(control_->failure_code, control_->failure_message);
}

}  // namespace tidelock::agent::contend
