#pragma once

#include <filesystem>

#include "agent/shootout/figures.h"

namespace tidelock::agent::shootout {

// Where the figures come from; what the kernel does not tell is empty.
[[nodiscard]] Machine look_at_machine(const std::filesystem::path& directory);

}  // namespace tidelock::agent::shootout
