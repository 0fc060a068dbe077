#pragma once

#include <cstdint>

#include "agent/run_context.h"

namespace tidelock::agent {

// What a forked client does with its life. Each opens the database for itself, reports what goes
// wrong to the run's state, and returns its process's exit code: 0, or 1 after a failure.
// They may be killed at any instruction.

// Creates the database if it is not there, and writes every key once if the run asks for it.
[[nodiscard]] int prepare_database(const Run& run);

// Waits for the run's `go`, then works as the writers of `slot`. The `generation` counts the
// clients that the slot has had.
[[nodiscard]] int run_client(const Run& run, std::uint32_t slot, std::uint32_t generation);

}  // namespace tidelock::agent
