#include "table/iterator.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidelock::table {

Iterator::Iterator(std::shared_ptr<const Reader> table) : table_(std::move(table)) {}

void Iterator::fail(Status status) {
  valid_ = false;
  status_ = std::move(status);
}

bool Iterator::enter(std::uint64_t n) {
  valid_ = false;
  if (Status status = table_->load_block(n, current_); !status.ok()) {
    fail(std::move(status));
    return false;
  }
  number_ = n;
  restart_ = kNoRestart;
  return true;
}

void Iterator::join(std::string_view front, std::string_view back) {
  const std::size_t length = front.size() + back.size();
  if (joined_.size() < length) joined_.resize(2 * length);
  std::memcpy(joined_.data(), front.data(), front.size());
  std::memcpy(joined_.data() + front.size(), back.data(), back.size());
  key_ = {joined_.data(), length};
}

void Iterator::settle(std::uint32_t i) {
  BlockEntry entry;
  if (!current_.block.entry(i, entry)) return fail(table_->malformed(number_));
  if (!is_known(entry.kind)) return fail(table_->unknown_kind(number_, entry.kind));
  if (entry.shared == 0) {
    key_ = entry.suffix;
  } else {
    if (restart_ != i / kRestartInterval) {
      if (!current_.block.restart_key(i, restart_key_)) return fail(table_->malformed(number_));
      restart_ = i / kRestartInterval;
    }
    if (entry.shared > restart_key_.size()) return fail(table_->malformed(number_));
    join(restart_key_.substr(0, entry.shared), entry.suffix);
  }
  value_ = entry.value;
  kind_ = static_cast<Kind>(entry.kind);
  position_ = i;
  valid_ = true;
}

void Iterator::seek_first() {
  status_ = table_->prove_index();
  valid_ = false;
  if (status_.ok() && enter(0)) settle(0);
}

void Iterator::seek_last() {
  status_ = table_->prove_index();
  valid_ = false;
  if (status_.ok() && enter(table_->properties().blocks - 1)) settle(current_.block.count() - 1);
}

bool Iterator::find(std::string_view key, std::uint32_t& i) {
  status_ = {};
  valid_ = false;
  std::uint64_t n;
  if (Status status = table_->locate(key, n); !status.ok()) {
    fail(std::move(status));
    return false;
  }
  if (n == table_->properties().blocks) {
    // Above every separator, and so above every key: stand behind the last entry.
    if (!enter(n - 1)) return false;
    i = current_.block.count();
    return true;
  }
  if (!enter(n)) return false;
  if (current_.block.lower_bound(key, i)) return true;
  fail(table_->malformed(n));
  return false;
}

void Iterator::seek(std::string_view key) {
  std::uint32_t i;
  if (!find(key, i)) return;
  if (i < current_.block.count()) return settle(i);
  // Above the block's last key, though not above its separator.
  if (number_ + 1 < table_->properties().blocks && enter(number_ + 1)) settle(0);
}

void Iterator::seek_before(std::string_view key) {
  std::uint32_t i;
  if (find(key, i)) step_back_from(i);
}

void Iterator::next() {
  if (position_ + 1 < current_.block.count()) return settle(position_ + 1);
  valid_ = false;
  if (number_ + 1 < table_->properties().blocks && enter(number_ + 1)) settle(0);
}

void Iterator::prev() {
  step_back_from(position_);
}

// `i` may be one behind the block's last entry.
void Iterator::step_back_from(std::uint32_t i) {
  if (i > 0) return settle(i - 1);
  valid_ = false;
  if (number_ > 0 && enter(number_ - 1)) settle(current_.block.count() - 1);
}

}  // namespace tidelock::table
