#pragma once

#include <string>
#include <vector>

#include "tidelock/status.h"

namespace tidelock::cli {

// Runs a program, found as a shell finds it, and waits for its end: its exit status, or 128 and the
// number of the signal that ended it. Words are the program and its arguments, at least one.
//
// SIGINT, SIGTERM, SIGHUP and SIGQUIT that somebody sends to this process meanwhile are passed on
// to the program, and do nothing else here; those of the terminal reach it anyhow. Signals that
// this process ignores, the program ignores too.
//
// kNotFound: there is no such program. kLimit: no process to be had. Anything else: it is there but
// cannot be run.
[[nodiscard]] Result<int> run_program(const std::vector<std::string>& words);

}  // namespace tidelock::cli
