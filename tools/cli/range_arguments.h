#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "cli/session.h"

namespace tidelock::cli {

// --from, --to and --prefix, as the commands on ranges take them.
struct RangeArguments {
  std::optional<std::string> from;
  std::optional<std::string> to;
  std::optional<std::string> prefix;

  void define(CLI::App& app);         // all three
  void define_bounds(CLI::App& app);  // without --prefix
  // The keys they stand for; kInvalid if one is not in the session's key format, or --from
  // above --to.
  [[nodiscard]] Result<IterateOptions> resolve(const Session& session) const;
};

}  // namespace tidelock::cli
