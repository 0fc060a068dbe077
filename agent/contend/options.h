#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/contend/settings.h"

namespace tidelock::agent::contend {

// The command `contend` of a parser, and what its options ask for. Must outlive the parsing.
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
  void add_workload();
  void add_output();

  CLI::App& command_;
  Settings settings_;
  std::string policies_ = "all";
  std::uint64_t backoff_base_us_ = 100;
  std::uint64_t backoff_cap_us_ = 100'000;
};

}  // namespace tidelock::agent::contend
