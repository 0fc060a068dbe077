#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/checker.h"
#include "agent/run_context.h"

namespace tidelock::agent {

// What the database looks like when no client is left.
struct FinalCheck {
  Status status;  // why the check could not run to its end
  CheckResult values{};
  std::uint64_t entries = 0;          // that the store counted itself
  std::uint64_t scanned = 0;          // that a scan showed
  std::uint64_t strangers = 0;        // of these: keys of nobody, among and around ours
  std::string first_stranger{};       // as it is shown
  std::vector<std::string> problems;  // of the store; and where get, scan and count do not agree
  std::uint64_t redos = 0;            // commits of the dead that others finished
};

// Opens the database afresh, reads every key of one snapshot, those inserted included, by `get` and
// by a scan, compares both with the journals, and has the database check itself. What it read
// becomes the last entry of the history.
[[nodiscard]] FinalCheck check_database(const Run& run, const History& history);

}  // namespace tidelock::agent
