#pragma once

#include <cstdint>

#include "tidelock/status.h"

namespace tidelock::cli {

// What the program tells the shell that called it. Documented in tidelock(1): never renumber.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kNotFound = 1,  // no such key, entry or database; a condition that did not hold
  kUsage = 2,     // the call makes no sense: arguments, options, malformed input, already there
  kBusy = 3,      // somebody else stood in the way and the time to wait was used up
  kDamage = 4,    // damaged bytes in the database
  kIo = 5,        // the kernel refused: input, output, space, permission, limits, file system
};

[[nodiscard]] ExitCode exit_code(StatusCode code) noexcept;

// A command that runs a program passes on what that one ended with, any of 0 to 255. What went
// wrong before, with the lock or the call, it tells by the codes of sysexits.h.
[[nodiscard]] ExitCode wrapper_exit_code(StatusCode code) noexcept;

}  // namespace tidelock::cli
