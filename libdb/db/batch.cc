#include "tidelock/batch.h"

#include <algorithm>

#include "wal/operation.h"

namespace tidelock {

void Batch::put(std::string_view key, std::string_view value) {
  wal::append_operation(encoded_, {.kind = wal::OperationKind::kPut, .key = key, .value = value});
  ++count_;
  size_ += key.size() + value.size();
  largest_key_ = std::max(largest_key_, key.size());
  largest_value_ = std::max(largest_value_, value.size());
}

void Batch::erase(std::string_view key) {
  wal::append_operation(encoded_, {.kind = wal::OperationKind::kErase, .key = key});
  ++count_;
  size_ += key.size();
  largest_key_ = std::max(largest_key_, key.size());
}

void Batch::clear() noexcept {
  encoded_.clear();
  count_ = 0;
  size_ = 0;
  largest_key_ = 0;
  largest_value_ = 0;
}

}  // namespace tidelock
