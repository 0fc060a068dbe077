#pragma once

#include <cstddef>
#include <string_view>

#include "tidelock/batch.h"

namespace tidelock {

// What the library needs of a batch and its user does not.
struct BatchAccess {
  // A record's payload (wal/operation.h) of `batch.count()` operations; valid until the batch
  // changes.
  [[nodiscard]] static std::string_view encoded(const Batch& batch) noexcept {
    return batch.encoded_;
  }
  [[nodiscard]] static std::size_t largest_key(const Batch& batch) noexcept {
    return batch.largest_key_;
  }
  [[nodiscard]] static std::size_t largest_value(const Batch& batch) noexcept {
    return batch.largest_value_;
  }
};

}  // namespace tidelock
