#include "cli/range_arguments.h"

namespace tidelock::cli {

namespace {

constexpr const char* kGroup = "Range";

}  // namespace

void RangeArguments::define(CLI::App& app) {
  define_bounds(app);
  app.add_option("--prefix", prefix, "only keys that begin so")->type_name("KEY")->group(kGroup);
}

void RangeArguments::define_bounds(CLI::App& app) {
  app.add_option("--from", from, "first key, inclusive")->type_name("KEY")->group(kGroup);
  app.add_option("--to", to, "last key, exclusive")->type_name("KEY")->group(kGroup);
}

Result<IterateOptions> RangeArguments::resolve(const Session& session) const {
  IterateOptions options;
  if (from) {
    auto key = session.key(*from);
    if (!key) return key.error();
    options.range.lower = *std::move(key);
  }
  if (to) {
    auto key = session.key(*to);
    if (!key) return key.error();
    options.range.upper = *std::move(key);
  }
  if (options.range.lower && options.range.upper && *options.range.lower > *options.range.upper) {
    return Status(StatusCode::kInvalid, "--from is above --to");
  }
  if (prefix) {
    auto key = session.key(*prefix);
    if (!key) return key.error();
    options.prefix = *std::move(key);
  }
  return options;
}

}  // namespace tidelock::cli
