#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/compaction/settings.h"

namespace tidelock::agent::compaction {

// The command `compaction` of a parser, and what its options ask for. Must outlive the parsing.
class Command {
 public:
  explicit Command(CLI::App& app);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] bool asked_for() const { return command_.parsed(); }
  [[nodiscard]] std::string complete();  // the result is a complaint
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

 private:
  CLI::App& command_;
  Settings settings_;
  std::uint64_t interval_ms_ = 250;
};

}  // namespace tidelock::agent::compaction
