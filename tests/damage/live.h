#pragma once

#include <chrono>
#include <string>

#include "damage/oracle.h"
#include "damage/sample.h"
#include "tidelock/options.h"

// A database whose shared state is in force, so that what is done to STATE, QUEUE and arenas is met
// by whoever opens it.
namespace tidelock::test {

// STATE, QUEUE and arenas: what is only a cache.
[[nodiscard]] bool is_shared(const std::string& name);
// All files there, shared ones too.
[[nodiscard]] Files read_files(const std::string& directory);
// Makes `directory` anew of these files, with a STATE that takes the copies for its own.
void make_live_copy(const std::string& directory, const Files& files);

// Reads and writes in every way, in a hurry; answers and errors are as they may. kSame, kReported:
// every call succeeded, with right answers or others; else kRefused.
[[nodiscard]] Verdict use(const std::string& directory, const Sample& sample, Access access,
                          std::chrono::milliseconds hurry);

}  // namespace tidelock::test
