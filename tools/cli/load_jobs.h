#pragma once

#include <cstdint>

#include "cli/input_blocks.h"
#include "cli/loader.h"
#include "cli/progress.h"
#include "cli/session.h"

namespace tidelock::cli {

struct LoadOutcome {
  std::uint64_t stored = 0;
  Status status;  // the first failure of any process
};

// Loads with `jobs` child processes, each with its own handle. This process reads the input and
// hands out blocks of whole lines to whichever child has room; it does not open the database.
// Among equal keys the last line wins only if the same child got both.
//
// A child that fails or dies ends the distribution; what was handed to the others is stored. If
// this process dies, the children store what they hold and end. Precondition: no other threads.
[[nodiscard]] LoadOutcome load_in_jobs(const Settings& settings, const LoadPlan& plan,
                                       std::uint32_t jobs, InputBlocks& input, Progress& progress);

}  // namespace tidelock::cli
