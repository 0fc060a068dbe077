#include "lsm/merging_iterator.h"

#include <bit>
#include <cstring>
#include <string>
#include <utility>

namespace tidelock::lsm {

namespace {

// The first eight bytes in the order of keys; a shorter key is filled up with the smallest byte.
std::uint64_t head_of(std::string_view key) {
  std::uint64_t head = 0;
  if (key.size() >= sizeof head) [[likely]] {
    std::memcpy(&head, key.data(), sizeof head);
  } else if (!key.empty()) {
    std::memcpy(&head, key.data(), key.size());
  }
  static_assert(std::endian::native == std::endian::little);
  return __builtin_bswap64(head);
}

}  // namespace

MergingIterator::MergingIterator(std::vector<std::unique_ptr<Source>> sources)
    : sources_(std::move(sources)) {
  heap_.reserve(sources_.size());
}

void MergingIterator::seek_first() {
  for (const auto& source : sources_) source->seek_first();
  build(Direction::kForward);
}

void MergingIterator::seek_last() {
  for (const auto& source : sources_) source->seek_last();
  build(Direction::kBackward);
}

void MergingIterator::seek(std::string_view key) {
  for (const auto& source : sources_) source->seek(key);
  build(Direction::kForward);
}

void MergingIterator::seek_before(std::string_view key) {
  for (const auto& source : sources_) source->seek_before(key);
  build(Direction::kBackward);
}

void MergingIterator::next() {
  if (direction_ == Direction::kForward) return step();
  const std::string here(key());
  seek(here);
  // The source that stood on `here` still has it, so the merge does too.
  if (valid()) step();
}

void MergingIterator::prev() {
  if (direction_ == Direction::kBackward) return step();
  const std::string here(key());
  seek_before(here);
}

bool MergingIterator::before(const Entry& a, const Entry& b) const {
  if (a.head != b.head) return (a.head < b.head) == (direction_ == Direction::kForward);
  const int order = a.key.compare(b.key);
  if (order == 0) return a.age < b.age;
  return direction_ == Direction::kForward ? order < 0 : order > 0;
}

void MergingIterator::build(Direction direction) {
  direction_ = direction;
  heap_.clear();
  for (std::uint32_t age = 0; age < sources_.size(); ++age) {
    Source* const source = sources_[age].get();
    if (source->valid()) {
      const std::string_view key = source->key();
      heap_.push_back({source, age, head_of(key), key});
    } else if (Status status = source->status(); !status.ok()) {
      status_ = std::move(status);
      return;
    }
  }
  for (std::size_t i = heap_.size() / 2; i-- > 0;) sink(i);
}

void MergingIterator::sink(std::size_t index) {
  for (;;) {
    std::size_t first = index;
    for (std::size_t child = 2 * index + 1; child <= 2 * index + 2; ++child) {
      if (child < heap_.size() && before(heap_[child], heap_[first])) first = child;
    }
    if (first == index) return;
    std::swap(heap_[index], heap_[first]);
    index = first;
  }
}

std::size_t MergingIterator::runner_up() const {
  if (heap_.size() < 3) return heap_.size() - 1;
  return before(heap_[1], heap_[2]) ? 1 : 2;
}

void MergingIterator::advance(std::size_t index) {
  Source* const source = heap_[index].source;
  if (direction_ == Direction::kForward) {
    source->next();
  } else {
    source->prev();
  }
  if (source->valid()) {
    heap_[index].key = source->key();
    heap_[index].head = head_of(heap_[index].key);
  } else {
    status_ = source->status();
    heap_[index] = heap_.back();
    heap_.pop_back();
    if (index == heap_.size()) return;
  }
  sink(index);
}

void MergingIterator::step() {
  // Older versions of this key lie right below the top, while the top still holds the key.
  while (heap_.size() > 1) {
    const std::size_t next = runner_up();
    if (heap_[next].head != heap_.front().head || heap_[next].key != heap_.front().key) break;
    advance(next);
    if (!status_.ok()) return;
  }
  advance(0);
}

}  // namespace tidelock::lsm
