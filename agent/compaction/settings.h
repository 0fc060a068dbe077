#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tidelock::agent::compaction {

enum class Which : std::uint8_t { kOff, kOn, kBoth };

// What is compared: the command line as values.
struct Settings {
  std::string directory;
  Which which = Which::kBoth;
  std::uint32_t records = 200'000;  // each is written twice
  std::uint32_t processes = 4;
  std::uint32_t value_size = 100;         // bytes
  std::uint64_t memtable_size = 4 << 20;  // bytes
  double seconds = 5;                     // of reading
  std::chrono::milliseconds interval{250};
  std::uint64_t seed = 0;
  bool json = false;
};

}  // namespace tidelock::agent::compaction
