#pragma once

#include <cstdint>
#include <span>

#include "agent/journal.h"
#include "agent/read_log.h"
#include "agent/run_state.h"
#include "agent/settings.h"
#include "agent/verdict.h"
#include "agent/workload/key_space.h"
#include "agent/workload/trace.h"

namespace tidelock::agent {

// What supervisor and clients of a run have in common. Made before the first client is forked.
struct Run {
  const Settings& settings;
  const KeySpace& keys;
  std::span<const std::uint32_t> key_order;   // all keys in byte order
  std::span<const std::uint32_t> key_places;  // of each key in it
  const RunState& state;
  std::span<Journal> journals;   // by writer; the last one belongs to the preload. Empty: unjudged
  std::span<ReadLog> reads;      // by writer, too; empty unless the history is to be verified
  std::span<TraceLog> recorded;  // by writer; empty: nothing is
  const Trace* trace = nullptr;  // what is replayed
  bool made = false;             // by this run: the directory was not there, or empty
  std::uint32_t id = 0;          // Stamp::run

  [[nodiscard]] std::uint32_t preloader() const noexcept { return settings.writers(); }
  [[nodiscard]] Evidence evidence() const noexcept {
    return {.journals = journals, .run = id, .values = &settings.workload.values};
  }
};

}  // namespace tidelock::agent
