#pragma once

#include <cstddef>
#include <string>

#include "cli/json_bytes.h"
#include "tidelock/lock_queue.h"

// A lock's queue, for people and for programs. At most `history` of the last hand-overs.
namespace tidelock::cli {

[[nodiscard]] std::string queue_text(const LockInfo& info, std::size_t history);
[[nodiscard]] Json queue_json(const LockInfo& info, std::size_t history);

}  // namespace tidelock::cli
