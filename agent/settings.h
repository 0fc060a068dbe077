#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/stores/store.h"
#include "tidelock/options.h"
#include "tidelock/wait.h"

namespace tidelock::agent {

enum class KeyOrder : std::uint8_t { kUniform, kZipfian, kSequential };

// What one run does: the command line as values. The defaults are the program's.
//
// A *client* is a process; its place among `processes` is its *slot*, which a successor takes over
// when the client is killed. A *writer* is a thread of a slot: writer = slot * threads + thread.
struct Settings {
  const StoreKind* store = &store_kinds().front();
  std::string directory;

  std::uint32_t processes = 4;
  std::uint32_t threads = 1;  // a client
  double seconds = 10;
  std::uint64_t operations = 0;  // in all, shared out to the writers; 0: for `seconds`

  std::uint32_t read_percent = 50;     // of the operations
  std::uint32_t erase_percent = 5;     // of the writes
  std::uint32_t batch_percent = 0;     // of the writes: of several keys at once
  std::uint32_t durable_percent = 0;   // of the writes, whatever `durability` says
  std::uint32_t snapshot_percent = 0;  // of the reads: of several keys at one point
  std::uint32_t churn_every = 0;       // operations; 0: never
  KeyOrder keys = KeyOrder::kUniform;
  std::string key_file;         // one key a line; empty: generated keys
  std::uint32_t key_count = 0;  // 0: all of the file, or kKeyCountDefault generated ones
  bool preload = false;
  std::size_t value_size = 100;  // bytes

  std::size_t memtable_size = 0;  // bytes, of a database that is made; 0: the library's default

  Durability durability = Durability::kProcess;
  Handover handover = Handover::kBounded;
  Wait::Policy wait = Wait::Policy::kFailFast;  // kQueue or kFailFast
  std::optional<Backoff> backoff = Backoff{};   // nullopt: try again at once
  std::uint32_t tries = 0;                      // attempts of one write; 0: until the deadline
  std::chrono::milliseconds deadline{10'000};   // of one write

  std::chrono::milliseconds kill_every{0};  // 0: nobody is killed
  std::uint32_t spared = 0;                 // clients that are only killed with all others
  std::uint32_t kill_all_every = 0;         // kills: then all at once; 0: never
  bool lose_state = false;                  // with that: the shared state, too
  std::uint32_t aim_percent = 0;            // of the kills: at the holder of the writer lock
  bool verify = false;                      // record all reads, and judge the whole history
  std::uint64_t seed = 0;
  bool json = false;

  [[nodiscard]] std::uint32_t writers() const noexcept { return processes * threads; }
};

inline constexpr std::uint32_t kKeyCountDefault = 100'000;
inline constexpr std::uint32_t kWritersMax = 4'096;  // processes * threads
inline constexpr std::size_t kValueSizeMin = 24;

}  // namespace tidelock::agent
