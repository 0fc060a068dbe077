#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/generate.h"

namespace tidelock::agent {

// The command `generate` of a parser, and what its options ask for. Must outlive the parsing.
class GenerateCommand {
 public:
  explicit GenerateCommand(CLI::App& app);
  GenerateCommand(const GenerateCommand&) = delete;
  GenerateCommand& operator=(const GenerateCommand&) = delete;

  [[nodiscard]] bool asked_for() const { return command_.parsed(); }
  [[nodiscard]] std::string complete();  // the result is a complaint
  [[nodiscard]] const GenerateSettings& settings() const noexcept { return settings_; }

 private:
  CLI::App& command_;
  GenerateSettings settings_;
  std::string value_size_;
};

}  // namespace tidelock::agent
