#pragma once

#include <cstddef>

#include "lsm/engine.h"
#include "tidelock/status.h"

namespace tidelock {

// What no log and no memtable can take, however large they are made, is told before anything is
// done about it: kTooLarge.
[[nodiscard]] Status too_large(const char* what, std::size_t size, std::size_t size_max);
[[nodiscard]] Status check_sizes(std::size_t key_size, std::size_t value_size);
// Whether one record and one memtable can hold the set: many small operations take several times
// the bytes of their keys and values.
[[nodiscard]] Status check_fits(const lsm::WriteSet& set);

}  // namespace tidelock
