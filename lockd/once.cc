#include <utility>

#include "lockd/daemon.h"
#include "lockd/keeper.h"
#include "tidelock/db.h"

namespace tidelock::lockd {

namespace {

// Others may make work as fast as it is done.
constexpr int kRoundsMax = 256;

ExitCode exit_code(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return ExitCode::kOk;
    case StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case StatusCode::kInvalid:
      return ExitCode::kUsage;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
    case StatusCode::kLimit:
      return ExitCode::kBusy;
    case StatusCode::kCorruption:
      return ExitCode::kDamage;
    default:
      return ExitCode::kFailed;
  }
}

Result<Upkeep> keep_once(Db& database) {
  Upkeep all;
  for (int round = 0; round < kRoundsMax; ++round) {
    const Result<Upkeep> done = database.upkeep({.thorough = true});
    if (!done) return done.error();
    all.recovered |= done->recovered;
    all.synced |= done->synced;
    all.swept |= done->swept;
    all.flushes += done->flushes;
    all.compactions += done->compactions;
    if (!done->hindered.ok()) return done->hindered;
    if (done->next.count() != 0) break;
  }
  return all;
}

Status keep_directory(const std::string& directory, const Settings& settings, Log& log) {
  Result<Db> database = Db::open(directory, keeper_options(settings));
  if (!database) return database.error();
  const Result<Upkeep> done = keep_once(*database);
  Status closed = database->close();
  if (!done) return done.error();
  log.info("done", {{"database", directory},
                    {"recovered", done->recovered ? 1 : 0},
                    {"flushes", done->flushes},
                    {"compactions", done->compactions},
                    {"synced", done->synced ? 1 : 0},
                    {"swept", done->swept ? 1 : 0}});
  return closed;
}

}  // namespace

int run_once(const Settings& settings, Log& log) {
  ExitCode result = ExitCode::kOk;
  for (const std::string& directory : settings.directories) {
    const Status status = keep_directory(directory, settings, log);
    if (status.ok()) continue;
    log.error("failed", {{"database", directory}, {"cause", status.to_string()}});
    if (result == ExitCode::kOk) result = exit_code(status.code());
  }
  return static_cast<int>(result);
}

}  // namespace tidelock::lockd
