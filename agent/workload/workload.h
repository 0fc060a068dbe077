#pragma once

#include <cstdint>
#include <string>

#include "agent/workload/key_chooser.h"
#include "agent/workload/key_space.h"
#include "agent/workload/mix.h"
#include "agent/workload/sizes.h"
#include "agent/workload/value.h"

namespace tidelock::agent {

// What the clients of a run do to which keys with which values.
struct Workload {
  std::string name;  // as in reports; empty: put together from options
  ActionMix mix;
  std::uint32_t erase_percent = 5;  // of the operations within a batch
  KeyChoice keys;
  KeyNames key_names = KeyNames::kPlain;
  std::uint32_t key_name_digits = 1;  // of kYcsb: at least so many
  std::uint32_t key_count = 0;        // at the beginning; 0: kKeyCountDefault
  ValueShape values;
  Sizes scan_lengths = Sizes::uniform(1, 100);  // entries
};

}  // namespace tidelock::agent
