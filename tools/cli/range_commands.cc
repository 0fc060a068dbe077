#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/range_arguments.h"

namespace tidelock::cli {
namespace {

struct ScanArguments {
  RangeArguments range;
  std::optional<std::uint64_t> limit;
  bool reverse = false;
  bool keys_only = false;
  bool values_only = false;
};

Result<Iterator> open_iterator(Session& session, const RangeArguments& range) {
  const auto options = range.resolve(session);
  if (!options) return options.error();
  auto db = session.db();
  if (!db) return db.error();
  return (*db)->iterate(*options);
}

Result<ExitCode> run_scan(Session& session, const ScanArguments& arguments) {
  auto iterator = open_iterator(session, arguments.range);
  if (!iterator) return iterator.error();
  const auto step = arguments.reverse ? &Iterator::prev : &Iterator::next;
  std::uint64_t left = arguments.limit.value_or(UINT64_MAX);
  for (; left > 0; --left) {
    ((*iterator).*step)();
    if (!iterator->valid()) break;
    using Part = std::optional<std::string_view>;
    session.print_entry(arguments.values_only ? Part() : iterator->key(),
                        arguments.keys_only ? Part() : iterator->value());
  }
  if (const Status status = iterator->status(); !status.ok()) return status;
  return ExitCode::kOk;
}

Result<ExitCode> run_count(Session& session, const RangeArguments& range) {
  auto iterator = open_iterator(session, range);
  if (!iterator) return iterator.error();
  std::uint64_t count = 0;
  for (iterator->next(); iterator->valid(); iterator->next()) ++count;
  if (const Status status = iterator->status(); !status.ok()) return status;
  if (session.settings().json) {
    session.print_json(Json{{"count", count}});
  } else {
    session.print(std::to_string(count) + "\n");
  }
  return ExitCode::kOk;
}

using Found = Result<std::optional<Entry>>;

// `where` is for the message if there is none.
Result<ExitCode> show_found(Session& session, const Found& found, const std::string& where) {
  if (!found) return found.error();
  if (!found->has_value()) {
    return Status(StatusCode::kNotFound, "no entry" + where + " in " + session.settings().path);
  }
  session.print_entry((*found)->key, (*found)->value);
  return ExitCode::kOk;
}

Action define_end(Found (Db::*find)(const ReadOptions&)) {
  return [find](Session& session) -> Result<ExitCode> {
    auto db = session.db();
    if (!db) return db.error();
    return show_found(session, ((*db)->*find)(ReadOptions{}), "");
  };
}

Action define_neighbour(CLI::App& app, const char* side,
                        Found (Db::*find)(std::string_view, const ReadOptions&)) {
  const auto argument = std::make_shared<std::string>();
  app.add_option("KEY", *argument, "the key")->required();
  return [argument, side, find](Session& session) -> Result<ExitCode> {
    const auto key = session.key(*argument);
    if (!key) return key.error();
    auto db = session.db();
    if (!db) return db.error();
    return show_found(session, ((*db)->*find)(*key, ReadOptions{}),
                      std::string(" ") + side + " the key '" + *argument + "'");
  };
}

}  // namespace

Action define_scan(CLI::App& app) {
  const auto arguments = std::make_shared<ScanArguments>();
  arguments->range.define(app);
  add_parsed(app, "--limit", arguments->limit, parse_count, "at most so many")->type_name("N");
  app.add_flag("--reverse", arguments->reverse, "from the largest key down");
  CLI::Option* keys = app.add_flag("--keys-only", arguments->keys_only, "leave out the values");
  app.add_flag("--values-only", arguments->values_only, "leave out the keys")->excludes(keys);
  return [arguments](Session& session) { return run_scan(session, *arguments); };
}

Action define_count(CLI::App& app) {
  const auto range = std::make_shared<RangeArguments>();
  range->define(app);
  return [range](Session& session) { return run_count(session, *range); };
}

Action define_min(CLI::App&) {
  return define_end(&Db::min);
}
Action define_max(CLI::App&) {
  return define_end(&Db::max);
}
Action define_above(CLI::App& app) {
  return define_neighbour(app, "above", &Db::above);
}
Action define_below(CLI::App& app) {
  return define_neighbour(app, "below", &Db::below);
}

}  // namespace tidelock::cli
