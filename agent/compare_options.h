#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "agent/report/ratios.h"

namespace tidelock::agent {

// The command `compare` of a parser, and what its options ask for. Must outlive the parsing.
class CompareCommand {
 public:
  explicit CompareCommand(CLI::App& app);
  CompareCommand(const CompareCommand&) = delete;
  CompareCommand& operator=(const CompareCommand&) = delete;

  // The words of a command line, in which nothing but `compare` gives a meaning to "--": there each
  // becomes an empty one, for the parser would drop it.
  [[nodiscard]] static std::vector<const char*> keep_divisions(int argc, const char* const* argv);

  [[nodiscard]] bool asked_for() const { return command_.parsed(); }
  [[nodiscard]] std::string complete();  // the result is a complaint
  [[nodiscard]] const CompareSettings& settings() const noexcept { return settings_; }

 private:
  CLI::App& command_;
  CompareSettings settings_;
  std::vector<std::string> words_;
};

}  // namespace tidelock::agent
