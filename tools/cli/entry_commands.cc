#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/definitions.h"
#include "cli/input_blocks.h"

namespace tidelock::cli {
namespace {

// All of standard input, as it is.
Result<std::string> read_standard_input() {
  std::string bytes;
  InputBlocks input(STDIN_FILENO, "standard input");
  for (;;) {
    auto block = input.next();
    if (!block) return block.error();
    if (!block->has_value()) return bytes;
    bytes += (*block)->bytes;
    if (bytes.size() > kValueSizeMax) {
      return Status(StatusCode::kTooLarge, "standard input: more than a value may hold");
    }
  }
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
    return Status(StatusCode::kInvalid, "put needs a value here");
  }
  const auto value =
      arguments.value ? session.value(*arguments.value) : read_standard_input();
  if (!value) return value.error();
  auto db = session.db();
  if (!db) return db.error();
  if (!arguments.if_absent && !arguments.expected) {
    if (const Status status = (*db)->put(*key, *value); !status.ok()) return status;
    return answer(session, "applied", true);
  }
  std::optional<std::string> expected;
  if (arguments.expected) {
    auto bytes = session.value(*arguments.expected);
    if (!bytes) return bytes.error();
    expected = *std::move(bytes);
  }
  const auto applied = (*db)->put_if(*key, expected, *value);
  if (!applied) return applied.error();
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
  if (const Status status = (*db)->write(batch); !status.ok()) return status;
  return answer(session, "applied", true);
}

Result<ExitCode> run_get(Session& session, const std::string& argument) {
  const auto key = session.key(argument);
  if (!key) return key.error();
  auto db = session.db();
  if (!db) return db.error();
  const auto value = (*db)->get_pinned(*key);
  if (!value) return value.error();
  if (!value->has_value()) return Status(StatusCode::kNotFound, "no such key");
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
