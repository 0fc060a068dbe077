#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/settings.h"

// The option --store, and what depends on it.
namespace tidelock::agent {

void add_store_choice(CLI::App& run, Settings& settings);

// Fits the settings to the store; the result is a complaint about what it cannot do.
[[nodiscard]] std::string fit_to_store(const CLI::App& run, Settings& settings);

}  // namespace tidelock::agent
