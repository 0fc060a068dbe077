#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/definitions.h"
#include "cli/input_blocks.h"

namespace tidelock::cli {
namespace {

// All of standard input: the value as it is; or as digits, the newline behind them aside.
Result<std::string> read_value(const Session& session) {
  const bool as_it_is = session.settings().value_format == ByteFormat::kText;
  const std::size_t size_max = as_it_is ? kValueSizeMax : 2 * kValueSizeMax + 1;
  std::string bytes;
  InputBlocks input(STDIN_FILENO, "standard input");
  for (;;) {
    auto block = input.next();
    if (!block) return block.error();
    if (!block->has_value()) break;
    bytes += (*block)->bytes;
    if (bytes.size() > size_max) {
      return Status(StatusCode::kTooLarge, "standard input: more than a value may hold");
    }
  }
  if (as_it_is) return bytes;
  if (bytes.ends_with('\n')) bytes.pop_back();
  return session.value(bytes);
}

Result<ExitCode> answer(Session& session, const char* name, bool yes) {
  if (session.settings().json) {
    session.print_json(Json{{name, yes}});
  }
  return yes ? ExitCode::kOk : ExitCode::kNotFound;
}

struct PutArguments {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::string> expected;
  bool if_absent = false;
};

Result<ExitCode> run_put(Session& session, const PutArguments& arguments) {
  const auto key = session.key(arguments.key);
  if (!key) return key.error();
  if (!arguments.value && session.settings().in_shell) {
    return Status(StatusCode::kInvalid, "in the shell, put needs a value");
  }
  const auto value = arguments.value ? session.value(*arguments.value) : read_value(session);
  if (!value) return value.error();
  auto db = session.db();
  if (!db) return db.error();
  const WriteOptions options = session.write_options();
  if (!arguments.if_absent && !arguments.expected) {
    if (const Status status = (*db)->put(*key, *value, options); !status.ok()) return status;
    return answer(session, "applied", true);
  }
  std::optional<std::string> expected;
  if (arguments.expected) {
    auto bytes = session.value(*arguments.expected);
    if (!bytes) return bytes.error();
    expected = *std::move(bytes);
  }
  const auto applied = (*db)->put_if(*key, expected, *value, options);
  if (!applied) return applied.error();
  if (!*applied) {
    session.note("not stored: the key '" + arguments.key + "' " +
                 (expected ? "does not have that value" : "is there already"));
  }
  return answer(session, "applied", *applied);
}

Result<ExitCode> run_del(Session& session, const std::vector<std::string>& arguments) {
  Batch batch;
  for (const std::string& argument : arguments) {
    const auto key = session.key(argument);
    if (!key) return key.error();
    batch.erase(*key);
  }
  auto db = session.db();
  if (!db) return db.error();
  const Status status = (*db)->write(batch, session.write_options());
  if (!status.ok()) return status;
  return answer(session, "applied", true);
}

Result<ExitCode> run_get(Session& session, const std::string& argument) {
  const auto key = session.key(argument);
  if (!key) return key.error();
  auto db = session.db();
  if (!db) return db.error();
  const auto value = (*db)->get_pinned(*key);
  if (!value) return value.error();
  if (!value->has_value()) {
    return Status(StatusCode::kNotFound, "no key '" + argument + "' in " + session.settings().path);
  }
  if (session.settings().json) {
    session.print_entry(*key, (*value)->view());
  } else {
    session.print_value((*value)->view());
  }
  return ExitCode::kOk;
}

Result<ExitCode> run_exists(Session& session, const std::string& argument) {
  const auto key = session.key(argument);
  if (!key) return key.error();
  auto db = session.db();
  if (!db) return db.error();
  const auto exists = (*db)->exists(*key);
  if (!exists) return exists.error();
  if (!session.settings().json) session.print(*exists ? "yes\n" : "no\n");
  return answer(session, "exists", *exists);
}

}  // namespace

Action define_get(CLI::App& app) {
  const auto key = std::make_shared<std::string>();
  app.add_option("KEY", *key, "the key")->required();
  return [key](Session& session) { return run_get(session, *key); };
}

Action define_put(CLI::App& app) {
  const auto arguments = std::make_shared<PutArguments>();
  app.add_option("KEY", arguments->key, "the key")->required();
  app.add_option("VALUE", arguments->value, "the value; standard input's bytes if not given");
  CLI::Option* absent = app.add_flag("--if-absent", arguments->if_absent,
                                     "only if there is no such key; exit code 1 otherwise");
  app.add_option("--if", arguments->expected, "only if the key has this value")
      ->type_name("OLD")
      ->excludes(absent);
  return [arguments](Session& session) { return run_put(session, *arguments); };
}

Action define_del(CLI::App& app) {
  const auto keys = std::make_shared<std::vector<std::string>>();
  app.add_option("KEY", *keys, "the keys")->required();
  return [keys](Session& session) { return run_del(session, *keys); };
}

Action define_exists(CLI::App& app) {
  const auto key = std::make_shared<std::string>();
  app.add_option("KEY", *key, "the key")->required();
  return [key](Session& session) { return run_exists(session, *key); };
}

}  // namespace tidelock::cli
