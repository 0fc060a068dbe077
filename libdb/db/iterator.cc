#include "tidelock/iterator.h"

#include <algorithm>
#include <vector>

#include "db/iterator_state.h"

namespace tidelock {

namespace {

// The smallest key above all that begin with `prefix`; nothing if there is none.
std::optional<std::string> behind_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::vector<std::unique_ptr<lsm::Source>> sources_of(const lsm::ReadPoint& point) {
  std::vector<std::unique_ptr<lsm::Source>> sources;
  for (const auto& memtable : point.view->memtables) {
    sources.push_back(lsm::memtable_source(memtable, point.sequence));
  }
  point.view->tables->add_sources(sources);
  return sources;
}

}  // namespace

Bounds Bounds::of(const KeyRange& range, const std::string& prefix) {
  Bounds bounds{.lower = std::max(range.lower.value_or(""), prefix), .upper = range.upper};
  const std::optional<std::string> behind = behind_prefix(prefix);
  if (behind && (!bounds.upper || *behind < *bounds.upper)) bounds.upper = behind;
  return bounds;
}

Iterator::State::State(std::shared_ptr<const Handle> owner, lsm::ReadPoint at, Bounds within)
    : handle(std::move(owner)),
      point(std::move(at)),
      bounds(std::move(within)),
      merged(sources_of(point)) {}

bool Iterator::State::usable() {
  if (!failure.ok()) return false;
  failure = handle->check();
  if (failure.ok()) return true;
  place = Place::kNowhere;
  return false;
}

void Iterator::State::settle_forward() {
  while (merged.valid() && (!bounds.upper || merged.key() < *bounds.upper)) {
    if (!merged.tombstone()) {
      place = Place::kOnKey;
      return;
    }
    merged.next();
  }
  place = Place::kBehindLast;
  failure = merged.status();
}

void Iterator::State::settle_backward() {
  while (merged.valid() && merged.key() >= bounds.lower) {
    if (!merged.tombstone()) {
      place = Place::kOnKey;
      return;
    }
    merged.prev();
  }
  place = Place::kBeforeFirst;
  failure = merged.status();
}

Iterator::Iterator(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Iterator::Iterator(Iterator&&) noexcept = default;
Iterator& Iterator::operator=(Iterator&&) noexcept = default;
Iterator::~Iterator() = default;

bool Iterator::valid() const noexcept {
  return state_->place == State::Place::kOnKey && state_->handle->check().ok();
}

Status Iterator::status() const {
  if (!state_->failure.ok()) return state_->failure;
  return state_->handle->check();
}

void Iterator::seek_first() {
  seek(state_->bounds.lower);
}

void Iterator::seek_last() {
  if (!state_->usable()) return;
  if (state_->bounds.upper) {
    state_->merged.seek_before(*state_->bounds.upper);
  } else {
    state_->merged.seek_last();
  }
  state_->settle_backward();
}

void Iterator::seek(std::string_view key) {
  if (!state_->usable()) return;
  state_->merged.seek(std::max(key, std::string_view(state_->bounds.lower)));
  state_->settle_forward();
}

void Iterator::seek_before(std::string_view key) {
  if (state_->bounds.upper && key >= *state_->bounds.upper) return seek_last();
  if (!state_->usable()) return;
  state_->merged.seek_before(key);
  state_->settle_backward();
}

void Iterator::next() {
  if (!state_->usable()) return;
  switch (state_->place) {
    case State::Place::kOnKey:
      state_->merged.next();
      return state_->settle_forward();
    case State::Place::kNowhere:
    case State::Place::kBeforeFirst:
      return seek_first();
    case State::Place::kBehindLast:
      return;
  }
}

void Iterator::prev() {
  if (!state_->usable()) return;
  switch (state_->place) {
    case State::Place::kOnKey:
      state_->merged.prev();
      return state_->settle_backward();
    case State::Place::kNowhere:
    case State::Place::kBehindLast:
      return seek_last();
    case State::Place::kBeforeFirst:
      return;
  }
}

std::string_view Iterator::key() const {
  return state_->merged.key();
}
std::string_view Iterator::value() const {
  return state_->merged.value();
}

}  // namespace tidelock
