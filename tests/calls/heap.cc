#include "calls/heap.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace tidelock::test {

namespace {

std::atomic<std::int64_t> in_use{0};
std::atomic<std::uint64_t> asked_for{0};
std::atomic<std::uint64_t> refused_at{0};
std::atomic<bool> refused{false};

void* take(std::size_t size, std::size_t alignment) noexcept {
  if (asked_for.fetch_add(1) + 1 == refused_at.load()) {
    refused.store(true);
    return nullptr;
  }
  const std::size_t whole = (size + alignment - 1) / alignment * alignment;
  void* const block = alignment <= alignof(std::max_align_t) ? std::malloc(size == 0 ? 1 : size)
                                                             : std::aligned_alloc(alignment, whole);
  if (block != nullptr) in_use.fetch_add(1);
  return block;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
  void* const block = take(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void give(void* block) noexcept {
  if (block == nullptr) return;
  in_use.fetch_sub(1);
  std::free(block);
}

}  // namespace

std::int64_t blocks_in_use() {
  return in_use.load();
}

std::uint64_t blocks_asked_for() {
  return asked_for.load();
}

void refuse_block(std::uint64_t nth) {
  refused.store(false);
  refused_at.store(nth == 0 ? 0 : asked_for.load() + nth);
}

bool has_refused() {
  return refused.load();
}

}  // namespace tidelock::test

using tidelock::test::give;
using tidelock::test::take;
using tidelock::test::take_or_throw;

constexpr std::size_t kUsual = alignof(std::max_align_t);

void* operator new(std::size_t size) {
  return take_or_throw(size, kUsual);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, kUsual);
}
void* operator new[](std::size_t size) {
  return take_or_throw(size, kUsual);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, kUsual);
}
void operator delete(void* block) noexcept {
  give(block);
}
void operator delete(void* block, std::size_t) noexcept {
  give(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  give(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  give(block);
}
void operator delete[](void* block) noexcept {
  give(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  give(block);
}
