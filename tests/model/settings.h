#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/temporary_directory.h"
#include "tidelock/options.h"

// Ways to set up a database and those who use it, none of which may change an answer.
namespace tidelock::test {

// What a reopening in the trace amounts to.
enum class Again : std::uint8_t {
  kOne,      // the process whose turn it is closes and opens
  kAll,      // all close, so that the last one seals the log, and open
  kRebuild,  // and what they share is removed in between
  kCopy,     // they go on with a copy of the files, made while they have it open and idle
  kKill,     // the process whose turn it is dies, and another comes
};

struct Setting {
  std::string name;
  FixedOptions fixed{};
  Durability durability = Durability::kProcess;
  Background background = Background::kThread;
  Wait::Policy wait = Wait::Policy::kQueue;
  Handover handover = Handover::kBounded;
  std::size_t processes = 1;
  Again again = Again::kOne;
  Where where = Where::kMemory;
  bool restless = false;  // processes also close and open between turns, at random
  std::size_t part = 1;   // of the trace: the first half, third, ..., where syncs take their time
};

[[nodiscard]] std::vector<Setting> settings_by_hand();
[[nodiscard]] Setting drawn_setting(std::mt19937_64& random);

}  // namespace tidelock::test
