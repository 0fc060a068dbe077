#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/names.h"
#include "tidelock/wait.h"

// `tidelock-agent contend`: many processes on one lock, under one policy after the other.
namespace tidelock::agent::contend {

// How a process gets the lock.
enum class Policy : std::uint8_t {
  kQueue,             // tidelock::LockQueue, bounded bypass
  kStrict,            // tidelock::LockQueue, strictly first come, first served
  kRetryAtOnce,       // fail-fast attempts on it; the process tries again itself
  kExponential,       // ... after a doubling delay
  kFullJitter,        //
  kEqualJitter,       //
  kDecorrelated,      //
  kFcntl,             // F_OFD_SETLKW on a byte of a file
  kFlock,             // flock(2)
  kRobustMutex,       // pthread mutex, process-shared and robust
  kSqliteBusyHandler  // F_OFD_SETLK, tried again after the delays of SQLite's busy handler
};

inline const Names<Policy> kPolicyNames{{"queue", Policy::kQueue},
                                        {"strict", Policy::kStrict},
                                        {"fail-fast-off", Policy::kRetryAtOnce},
                                        {"fail-fast-exponential", Policy::kExponential},
                                        {"fail-fast-full-jitter", Policy::kFullJitter},
                                        {"fail-fast-equal-jitter", Policy::kEqualJitter},
                                        {"fail-fast-decorrelated-jitter", Policy::kDecorrelated},
                                        {"fcntl", Policy::kFcntl},
                                        {"flock", Policy::kFlock},
                                        {"robust-mutex", Policy::kRobustMutex},
                                        {"sqlite-busy", Policy::kSqliteBusyHandler}};

// What one comparison does: the command line as values. The defaults are the program's.
struct Settings {
  std::uint32_t processes = 16;
  std::uint32_t critical_ns = 350;  // the lock is held for, verification included
  std::uint32_t think_us = 0;       // on average, between two turns of a process
  double seconds = 2;               // a round
  std::uint32_t rounds = 3;         // of each policy
  std::uint32_t faults = 3;         // of each kind, for each policy
  std::vector<Policy> policies{};   // in the order of their rounds
  Backoff backoff{};                // of fail-fast; the policy says which jitter
  std::string directory{};          // for the lock files; empty: TMPDIR or /tmp
  std::uint64_t seed = 0;
  std::string json_file{}, csv_file{}, html_file{};  // empty: none; "-": standard output
};

inline constexpr std::uint32_t kProcessesMax = 4'000;  // under the queue's limit of attachments

}  // namespace tidelock::agent::contend
