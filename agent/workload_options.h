#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/settings.h"

namespace tidelock::agent {

// The options that say what clients do, to which keys, with which values: in shares, as a mix, or
// as YCSB does. The last may say how long, too, and how many clients.
class WorkloadOptions {
 public:
  // Adds them to the command; both must outlive the parsing.
  WorkloadOptions(CLI::App& app, Settings& settings);
  // When all is parsed. The result is a complaint.
  [[nodiscard]] std::string complete();
  // The rate of each client, when it is known how many there are; a complaint.
  [[nodiscard]] std::string take_pace();

 private:
  void add_actions(CLI::App& app);
  void add_keys(CLI::App& app);
  void add_values(CLI::App& app);
  void add_traces(CLI::App& app);
  [[nodiscard]] std::string take_ycsb();
  [[nodiscard]] std::string take_mix();
  [[nodiscard]] std::string take_keys();
  [[nodiscard]] std::string take_values();
  [[nodiscard]] bool given(const char* option) const { return app_.count(option) != 0; }

  CLI::App& app_;
  Settings& settings_;
  std::string ycsb_;
  std::vector<std::string> property_files_, properties_;
  std::string mix_;
  std::uint32_t read_percent_ = 50, erase_percent_ = 5, batch_percent_ = 0, snapshot_percent_ = 0;
  KeyOrder key_order_ = KeyOrder::kUniform;
  double hot_keys_percent_ = 20, hot_operations_percent_ = 80;
  std::string key_weights_;
  std::uint32_t key_count_ = 0;
  std::string value_size_ = "100", scan_length_ = "uniform:1-100";
  double value_ratio_ = 1;
  bool no_preload_ = false;
  std::string rate_;
  std::optional<double> ycsb_rate_;  // of all clients together
};

}  // namespace tidelock::agent
