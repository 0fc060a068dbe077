#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "db/handle.h"
#include "lsm/merging_iterator.h"
#include "lsm/view.h"
#include "tidelock/iterator.h"
#include "tidelock/options.h"

namespace tidelock {

// Keys of an iteration: lower <= k < upper.
struct Bounds {
  std::string lower;
  std::optional<std::string> upper;
  // The intersection of range and prefix; may be empty.
  [[nodiscard]] static Bounds of(const KeyRange& range, const std::string& prefix);
  [[nodiscard]] bool contains(std::string_view key) const {
    return key >= lower && (!upper || key < *upper);
  }
};

struct Iterator::State {
  enum class Place : std::uint8_t { kNowhere, kOnKey, kBeforeFirst, kBehindLast };

  State(std::shared_ptr<const Handle> owner, lsm::ReadPoint at, Bounds within);

  // Walks on over erased keys, and ends at the bounds.
  void settle_forward();
  void settle_backward();
  // kOk if the walk may go on; otherwise remembers why not.
  [[nodiscard]] bool usable();

  std::shared_ptr<const Handle> handle;
  lsm::ReadPoint point;  // pins what the sources point into
  Bounds bounds;
  lsm::MergingIterator merged;
  Place place = Place::kNowhere;
  Status failure;
};

struct IteratorAccess {
  [[nodiscard]] static Iterator make(std::shared_ptr<const Handle> handle, lsm::ReadPoint point,
                                     Bounds bounds) {
    return Iterator(
        std::make_unique<Iterator::State>(std::move(handle), std::move(point), std::move(bounds)));
  }
};

}  // namespace tidelock
