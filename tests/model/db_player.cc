#include "model/db_player.h"

#include <chrono>
#include <type_traits>
#include <utility>

#include "os/clock.h"

namespace tidelock::test {

namespace {

using Kind = Operation::Kind;

constexpr int kRepeatsMax = 100'000;

const Status& status_of(const Status& status) {
  return status;
}
template <typename T>
Status status_of(const Result<T>& result) {
  return result.status();
}

void say_entry(const Result<std::optional<Entry>>& found, Answer& answer) {
  if (!found) return answer.say(found.error());
  if (!*found) return answer.say("nothing");
  answer.say_entry((*found)->key, (*found)->value);
}

}  // namespace

// While another process is at work there, a fail-fast call is refused, and not for any reason of
// the trace.
template <typename Call>
auto DbPlayer::insist(const Call& call) {
  auto result = call();
  for (int left = kRepeatsMax; left > 0 && status_of(result).code() == StatusCode::kBusy; --left) {
    ++repeats_;
    os::sleep_for(std::chrono::microseconds(50));
    result = call();
  }
  return result;
}

// Nor does fail-fast wait for a sync that another thread or process is at: what was written is then
// there, and known to be durable after a sync that nobody is in the way of.
Status DbPlayer::sync() {
  Status status;
  for (int left = kRepeatsMax; left > 0; --left) {
    status = db_->sync();
    if (!is_not_waited_for(status)) break;
    ++repeats_;
    os::sleep_for(std::chrono::microseconds(50));
  }
  return status;
}

bool DbPlayer::is_not_waited_for(const Status& status) const {
  return status.code() == StatusCode::kNotDurable &&
         options_.wait.policy == Wait::Policy::kFailFast;
}

Status DbPlayer::settled(const Status& written) {
  return is_not_waited_for(written) ? sync() : written;
}

Status DbPlayer::open(const std::string& path) {
  path_ = path;
  Result<Db> db = insist([this] { return Db::open(path_, options_); });
  if (!db) return db.error();
  db_.emplace(std::move(*db));
  return {};
}

Status DbPlayer::close() {
  snapshots_ = {};
  if (Result<Stats> stats = db_->stats()) seen_ = *std::move(stats);
  const Status status = db_->close();
  db_.reset();
  return status;
}

void DbPlayer::write(const Operation& operation, Answer& answer) {
  const std::string& key = operation.key;
  if (operation.kind == Kind::kPut) {
    return answer.say(settled(insist([&] { return db_->put(key, operation.value); })));
  }
  if (operation.kind == Kind::kErase)
    return answer.say(settled(insist([&] { return db_->erase(key); })));
  if (operation.kind == Kind::kBatch) {
    Batch batch;
    for (const Operation& part : operation.parts) {
      part.kind == Kind::kErase ? batch.erase(part.key) : batch.put(part.key, part.value);
    }
    return answer.say(settled(insist([&] { return db_->write(batch); })));
  }
  const auto now = db_->get(key);
  if (!now) return answer.say(now.error());
  const std::optional<std::string> expected = expected_of(operation, *now);
  const auto view = [](const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
  };
  const auto desired = erases(operation) ? std::nullopt : std::optional(operation.value);
  const auto did = insist([&] { return db_->put_if(key, view(expected), view(desired)); });
  if (!did && !is_not_waited_for(did.error())) return answer.say(did.error());
  if (!did && !sync().ok()) return answer.say(did.error());
  answer.say(!did || *did ? "did" : "did not");
}

void DbPlayer::say_get(const std::string& key, const ReadOptions& read, Answer& answer) {
  const auto found = db_->get(key, read);
  if (!found) return answer.say(found.error());
  answer.say_value(*found);
}

void DbPlayer::say_walk(const Operation& operation, const ReadOptions& read, Answer& answer) {
  const Bounds bounds = bounds_of(operation);
  Result<Iterator> at =
      db_->iterate({.range = {bounds.lower, bounds.upper}, .prefix = bounds.prefix, .read = read});
  if (!at) return answer.say(at.error());
  operation.kind == Kind::kScan ? scan(*at, operation, answer) : walk(*at, operation, answer);
  answer.say(at->status());
}

void DbPlayer::say_neighbours(const std::string& key, Answer& answer) {
  say_entry(db_->min(), answer);
  say_entry(db_->max(), answer);
  say_entry(db_->above(key), answer);
  say_entry(db_->below(key), answer);
}

void DbPlayer::read(const Operation& operation, Answer& answer) {
  switch (operation.kind) {
    case Kind::kGetPinned: {
      const auto found = db_->get_pinned(operation.key);
      if (!found) return answer.say(found.error());
      return *found ? answer.say_bytes((*found)->view()) : answer.say("nothing");
    }
    case Kind::kExists: {
      const auto found = db_->exists(operation.key);
      if (!found) return answer.say(found.error());
      return answer.say(*found ? "there" : "not there");
    }
    case Kind::kNeighbours:
      return say_neighbours(operation.key, answer);
    case Kind::kWalk:
    case Kind::kScan:
      return say_walk(operation, {}, answer);
    case Kind::kDurableGet: {
      const Status synced = sync();
      if (!synced.ok()) return answer.say(synced);
      return say_get(operation.key, {.durable_only = true}, answer);
    }
    default:
      return say_get(operation.key, {}, answer);
  }
}

void DbPlayer::look_back(const Operation& operation, Answer& answer) {
  std::optional<Snapshot>& old = snapshots_[operation.slot];
  if (operation.kind == Kind::kTakeSnapshot) {
    Result<Snapshot> taken = db_->snapshot();
    if (!taken) return answer.say(taken.error());
    old = std::move(*taken);
    return answer.say(std::to_string(old->sequence()));
  }
  if (!old) return;
  if (operation.kind == Kind::kDropSnapshot) return old.reset();
  const ReadOptions read{.snapshot = &*old};
  if (operation.kind == Kind::kGetOld) return say_get(operation.key, read, answer);
  say_walk(operation, read, answer);
}

void DbPlayer::say_check(Answer& answer) {
  const Result<CheckReport> report = db_->check();
  const Result<Stats> stats = db_->stats();
  if (!report || !stats) return answer.say("check or stats failed");
  for (const std::string& problem : report->problems) answer.say(problem);
  if (report->problems.empty()) answer.say("sound at " + std::to_string(stats->sequence));
}

Status DbPlayer::refused(const Operation& operation) {
  switch (operation.draw % kRefusals.size()) {
    case 0:
      return db_->put(std::string(kKeySizeMax + 1, 'k'), "");
    case 1:
      return db_->iterate({.range = {"b", "a"}}).status();
    case 2:
      return db_->compact({"b", "a"});
    case 3: {
      Options options = options_;
      options.mode = OpenMode::kCreate;
      return insist([&] { return Db::open(path_, options); }).status();
    }
    default: {
      Options options = options_;
      options.fixed.block_size = *options.fixed.block_size + 1;
      return insist([&] { return Db::open(path_, options); }).status();
    }
  }
}

void DbPlayer::keep_house(const Operation& operation, Answer& answer) {
  switch (operation.kind) {
    case Kind::kFlush:
      return answer.say(insist([&] { return db_->flush(); }));
    case Kind::kCompact: {
      const Bounds bounds = bounds_of(operation);
      return answer.say(insist([&] { return db_->compact({bounds.lower, bounds.upper}); }));
    }
    case Kind::kRefresh:
      return answer.say(db_->refresh());
    case Kind::kUpkeep:
      return answer.say(db_->upkeep().status());
    case Kind::kCheck:
      return say_check(answer);
    case Kind::kRefused:
      return answer.say(refused(operation));
    default: {
      Status status = close();
      if (status.ok()) status = open(path_);
      answer.say(status);
      if (status.ok()) answer.say(std::to_string(db_->snapshot()->sequence()));
      return;
    }
  }
}

Answer DbPlayer::answer(const Operation& operation) {
  Answer answer;
  if (operation.kind <= kLastChange) {
    write(operation, answer);
  } else if (operation.kind <= kLastRead) {
    read(operation, answer);
  } else if (operation.kind <= kLastLookBack) {
    look_back(operation, answer);
  } else {
    keep_house(operation, answer);
  }
  return answer;
}

void DbPlayer::follow(const Operation& operation) {
  Answer unheard;
  if (operation.kind == Kind::kReopen) {
    snapshots_ = {};
  } else {
    look_back(operation, unheard);
  }
}

}  // namespace tidelock::test
