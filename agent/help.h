#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tidelock::agent {

// How `--help` looks: descriptions in lines of a terminal, each with its default in brackets at the
// end, and nothing about which options exclude each other (who tries is told).
class Help final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_option_usage(const CLI::Option* positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace tidelock::agent
