#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/shootout/settings.h"

namespace tidelock::agent::shootout {

// The command `shootout` of a parser, and what its options ask for. Must outlive the parsing.
class Command {
 public:
  explicit Command(CLI::App& app);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] bool asked_for() const { return command_.parsed(); }
  // After parsing: combines what the parser could only look at one by one. The result is a
  // complaint; if it is empty, `settings` is whole.
  [[nodiscard]] std::string complete();
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

 private:
  void add_comparison();
  void add_run_options();
  void add_output();
  [[nodiscard]] std::string take_stores();
  [[nodiscard]] std::string take_workloads();

  CLI::App& command_;
  Settings settings_;
  std::string stores_ = "all", workloads_ = "a,b,c,d,e,f", verify_ = "none";
};

}  // namespace tidelock::agent::shootout
