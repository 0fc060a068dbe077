#include "models/log_cut_model.h"

#include <algorithm>

namespace tidelock::models {

namespace {

struct Rules : LogCutModel {
  State initial() const {
    State state;
    state.cuts = cuts;
    state.exits = exits;
    state.deaths = deaths;
    state.rolls = rolls;
    state.appends = appends;
    state.damages = damages;
    begin(state, 0);
    state.logs[0].header = Bytes::kOnDisk;
    state.logs[0].entry_on_disk = 1;
    return state;
  }

  void steps(const State& now, Steps<State>& emit) const {
    switch (now.phase) {
      case Phase::kRunning:
        append(now, emit);
        roll(now, emit);
        sync(now, emit);
        leave(now, emit);
        break;
      case Phase::kDown:
        recover(now, emit);
        damage(now, emit);
        break;
      case Phase::kReplayed:
        begin_life(now, emit);
        break;
      case Phase::kBegun:
        start(now, emit);
        break;
      case Phase::kReported:
        return;
    }
    if (now.cuts > 0) {
      State next = down(now);
      --next.cuts;
      cut(next, 0, emit);
    }
  }

  // Each life can get all it holds onto the disk, or damage was reported.
  bool goal(const State& now) const {
    return now.phase == Phase::kReported ||
           (now.phase == Phase::kRunning && now.durable == now.end && now.syncing == kNone);
  }

  std::string violation(const State& now) const {
    switch (now.wrong) {
      case Wrong::kLost:
        return "an acknowledged durable record was lost";
      case Wrong::kGap:
        return "a record in the middle was lost";
      case Wrong::kRevived:
        return "a record that was not there came back";
      case Wrong::kFalseReport:
        return "damage was reported where there is none";
      case Wrong::kSilentLoss:
        return "damage was not reported";
      case Wrong::kNothing:
        return "";
    }
    return "";
  }

  bool is(Broken what) const { return broken == what; }

  // A chain value is written as the path to it: the salt of each log, and a one for each record.
  std::uint32_t chained(const Log& log, int slot, std::uint32_t before) const {
    if (is(Broken::kUnchained)) return 1;
    return (slot == 0 ? before * 8 + log.salt : before) * 2 + 1;
  }

  // ---- A life: appends, rolls, syncs.

  void append(const State& now, Steps<State>& emit) const {
    const Log& active = now.logs[now.active];
    const int slot = now.end - active.base;
    if (now.prepared != kNone || now.appends == 0) return;
    if (slot == kSlots || now.end == kRecordsMax) return;
    State next = now;
    --next.appends;
    Record& record = next.logs[now.active].records[slot];
    const bool over_dead = now.dead_chain != 0 && record.chain == now.dead_chain;
    record = {chained(active, slot, now.history[now.end]), Bytes::kDirty, now.durable, over_dead};
    if (now.deaths > 0) {
      State dead = next;
      --dead.deaths;
      dead.dead_chain = record.chain;
      emit.world("a writer dies between copy and commit", 0, dead);
      // The beginning of a long record is torn; what lies behind it may look like anything.
      dead.dead_chain = 0;
      dead.logs[now.active].records[slot] = {0, Bytes::kDirty};
      if (slot + 1 < kSlots) dead.logs[now.active].records[slot + 1] = {1, Bytes::kDirty};
      emit.world("a writer dies while it copies a long record", 0, dead);
    }
    next.history[++next.end] = record.chain;
    emit.process("appends and commits", 0, next);
  }

  // Step 2: the header of the new log, then the view. Or death in between.
  void roll(const State& now, Steps<State>& emit) const {
    State next = now;
    if (now.prepared != kNone) {
      next.prepared = kNone;
      emit.world("the roll's writer dies", 0, next);
      next.active = now.prepared;
      emit.process("publishes the next log", 0, next);
    } else if (now.rolls > 0 && fresh(now) < kLogs) {
      --next.rolls;
      next.prepared = fresh(now);
      begin(next, next.prepared);
      emit.process("writes the header of the next log", 0, next);
    }
  }

  // C2: each log from the one that ends at D on, oldest first, and the directory with it; then D.
  void sync(const State& now, Steps<State>& emit) const {
    State next = now;
    if (now.syncing == kNone) {
      if (now.durable == now.end) return;
      next.sync_to = now.end;
      next.sync_last = now.active;
      next.syncing = is(Broken::kNewestLogOnly) ? now.active : oldest_unsynced(now);
      return emit.process("begins a sync", 1, next);
    }
    write_back(next.logs[now.syncing]);
    if (!is(Broken::kNoDirectorySync)) write_back_entries(next);
    if (now.syncing != now.sync_last) {
      next.syncing = successor_in_view(now, now.syncing);
      return emit.process("syncs a log", 1, next);
    }
    next.durable = std::max(now.durable, now.sync_to);
    next.promised = std::max(now.promised, next.durable);
    next.syncing = kNone;
    next.sync_last = next.sync_to = 0;
    emit.process("syncs the last log, raises D", 1, next);
  }

  void leave(const State& now, Steps<State>& emit) const {
    if (now.exits == 0) return;
    State next = down(now);
    --next.exits;
    emit.world("all processes die", -1, next);
    if (now.prepared != kNone || now.syncing != kNone) return;
    if (!is(Broken::kSealBeforeSync) && !(is(Broken::kSealTrustsD) && now.durable == now.end)) {
      for (Log& log : next.logs) write_back(log);
      write_back_entries(next);
      next.promised = now.end;
    }
    next.seal = now.end;
    next.seal_log = now.active;
    next.seal_chain = now.history[now.end];
    emit.world("the last process seals the log and closes", -1, next);
  }

  // ---- The next one: replay, a new log, an fdatasync of what was replayed.

  void recover(const State& now, Steps<State>& emit) const {
    State next = now;
    bool reported = false;
    const Point at = replay(now, reported);
    next.phase = reported ? Phase::kReported : Phase::kReplayed;
    next.wrong = judge(now, at, reported);
    if (now.damaged != 0) next.promised = std::min(now.promised, at.lsn);
    next.end = at.lsn;
    next.active = at.log;
    next.history[at.lsn] = at.chain;
    std::fill(next.history.begin() + at.lsn + 1, next.history.end(), 0);
    emit.process("replays the logs", -1, next);
  }

  void begin_life(const State& now, Steps<State>& emit) const {
    if (fresh(now) == kLogs) return;
    State next = now;
    next.phase = Phase::kBegun;
    if (!is(Broken::kAppendsToReplayed)) {
      const std::uint8_t n = fresh(now);
      begin(next, n);
      next.active = n;
    }
    emit.process("begins a new log", -1, next);
  }

  void start(const State& now, Steps<State>& emit) const {
    State next = now;
    if (!is(Broken::kDurableUnsynced)) {
      for (int n = 0; n < kLogs; ++n) {
        if (n != now.active || is(Broken::kAppendsToReplayed)) write_back(next.logs[n]);
      }
      write_back_entries(next);
    }
    next.phase = Phase::kRunning;
    next.dead_chain = 0;
    next.durable = now.end;
    next.promised = std::max(now.promised, next.durable);
    emit.process("syncs the replayed logs and starts", -1, next);
  }

  // ---- Replay, rule C9 with P1 to P4 of wal/replay.h: from the oldest log on, each record that
  // continues what lies before it, and the log that names the position reached.

  struct Point {
    std::uint8_t lsn = 0;
    std::uint8_t log = 0;
    std::uint8_t records = 0;
    std::uint32_t chain = 0;
  };

  Point replay(const State& now, bool& reported) const {
    Point at;
    bool sealed = now.seal == 0;
    for (std::uint8_t n = 0; n != kNone; n = successor_at(now, at)) {
      const Log& log = now.logs[n];
      at = {log.base, n, at.records, log.chain};
      for (int slot = 0;; ++slot) {
        sealed |= now.seal_log == n && now.seal == at.lsn && now.seal_chain == at.chain;
        if (slot < kSlots && ends_here(now, at)) break;
        if (slot == kSlots || !continues(log, slot, at.chain)) break;
        at.chain = log.records[slot].chain;
        ++at.lsn;
        ++at.records;
      }
    }
    reported = !sealed && !is(Broken::kSealUnchecked);
    reported |= known_beyond(now, at.lsn) && !is(Broken::kKnownUnchecked);
    return at;
  }

  bool ends_here(const State& now, const Point& at) const {
    if (is(Broken::kEndsWithItsRecords) || is(Broken::kPredecessorUnnamed)) return false;
    return successor_at(now, at) != kNone;
  }

  static bool readable(Bytes bytes) { return bytes == Bytes::kDirty || bytes == Bytes::kOnDisk; }

  bool continues(const Log& log, int slot, std::uint32_t chain) const {
    const Record& record = log.records[slot];
    return readable(record.bytes) && record.chain == chained(log, slot, chain);
  }

  std::uint8_t successor_at(const State& now, const Point& at) const {
    for (std::uint8_t n = kLogs - 1; n > at.log; --n) {
      const Log& log = now.logs[n];
      if (log.exists == 0 || !readable(log.header)) continue;
      bool names = log.previous == at.log && log.base == at.lsn && log.chain == at.chain;
      if (is(Broken::kPredecessorUnnamed)) names = log.previous == at.log;
      if (names && ends_predecessor(now, n)) return n;
    }
    return kNone;
  }

  // P3: a header alone may be that of a roll whose writer died; the log before it went on.
  bool ends_predecessor(const State& now, std::uint8_t n) const {
    const Log& log = now.logs[n];
    return is(Broken::kHeaderEndsPredecessor) || continues(log, 0, log.chain) ||
           (now.seal != 0 && now.seal_log == n) ||
           successor_at(now, {log.base, n, 0, log.chain}) != kNone;
  }

  // Does a record that can be read say that more than this was synced once?
  static bool known_beyond(const State& now, int lsn) {
    return std::ranges::any_of(now.logs, [lsn](const Log& log) {
      return std::ranges::any_of(log.records, [lsn](const Record& record) {
        return readable(record.bytes) && record.known > lsn;
      });
    });
  }

  Wrong judge(const State& now, const Point& at, bool reported) const {
    if (reported) return now.damaged != 0 ? Wrong::kNothing : Wrong::kFalseReport;
    if (at.records != at.lsn) return Wrong::kGap;
    const bool prefix = at.lsn <= now.end && at.chain == now.history[at.lsn];
    // Nobody was told that the record of a dead writer failed: it may count (P1).
    const bool in_flight = at.chain == now.dead_chain && at.lsn > 0;
    Wrong wrong = Wrong::kNothing;
    if (!prefix && !in_flight) wrong = Wrong::kRevived;
    if ((prefix ? at.lsn : at.lsn - 1) < now.promised) wrong = Wrong::kLost;
    if (now.damaged == 0 || wrong == Wrong::kNothing) return wrong;
    // The last records of a log that is not sealed look the same damaged as never written.
    const bool evident = now.seal > at.lsn || known_beyond(now, at.lsn);
    return evident ? Wrong::kSilentLoss : Wrong::kNothing;
  }

  // ---- Files.

  // Next file number: one above all that are listed.
  static std::uint8_t fresh(const State& now) {
    std::uint8_t n = kLogs;
    while (n > 0 && now.logs[n - 1].exists == 0) --n;
    return n;
  }

  static void begin(State& next, std::uint8_t n) {
    Log& log = next.logs[n];
    log = {.chain = next.history[next.end], .base = next.end};
    if (n > 0) log.previous = next.active;
    log.salt = ++next.salts;
    log.exists = 1;
    log.header = Bytes::kDirty;
  }

  std::uint8_t oldest_unsynced(const State& now) const {
    std::uint8_t n = now.active;
    while (now.logs[n].base > now.durable) n = now.logs[n].previous;
    while (now.logs[n].base == now.durable && n > 0 && !is(Broken::kEmptyLogsSkipped)) {
      n = now.logs[n].previous;
    }
    return n;
  }

  static std::uint8_t successor_in_view(const State& now, std::uint8_t log) {
    std::uint8_t n = now.active;
    while (now.logs[n].previous != log) n = now.logs[n].previous;
    return n;
  }

  static void write_back(Log& log) {
    if (log.header == Bytes::kDirty) log.header = Bytes::kOnDisk;
    for (Record& record : log.records) {
      if (record.bytes == Bytes::kDirty) record.bytes = Bytes::kOnDisk;
      record.over_dead = 0;
    }
  }

  static void write_back_entries(State& next) {
    for (Log& log : next.logs) log.entry_on_disk = log.exists;
  }

  static State down(const State& now) {
    State next = now;
    next.phase = Phase::kDown;
    next.durable = next.sync_to = next.sync_last = 0;
    next.prepared = next.syncing = kNone;
    return next;
  }

  // Of each thing that was not synced, from the `from`th on, every fate.
  void cut(const State& now, int from, Steps<State>& emit) const {
    constexpr int kThings = 2 + kSlots;  // entry, header, records
    for (int thing = from; thing < kLogs * kThings; ++thing) {
      const Log& log = now.logs[thing / kThings];
      if (log.exists == 0) continue;
      State kept = now;
      State lost = now;
      Log& in_kept = kept.logs[thing / kThings];
      Log& in_lost = lost.logs[thing / kThings];
      const int slot = thing % kThings - 2;
      if (slot == -2) {
        if (log.entry_on_disk != 0) continue;
        in_kept.entry_on_disk = 1;
        in_lost = {};
      } else if (slot == -1) {
        if (log.header != Bytes::kDirty) continue;
        in_kept.header = Bytes::kOnDisk;
        in_lost.header = Bytes::kNothing;
      } else {
        const Record& record = log.records[slot];
        if (record.bytes != Bytes::kDirty) continue;
        in_kept.records[slot].bytes = Bytes::kOnDisk;
        in_kept.records[slot].over_dead = 0;
        in_lost.records[slot] = {};
        if (record.over_dead != 0) {
          State older = kept;
          older.logs[thing / kThings].records[slot].chain = now.dead_chain;
          cut(older, thing + 1, emit);
        }
      }
      cut(kept, thing + 1, emit);
      cut(lost, thing + 1, emit);
      return;
    }
    emit.world("the power is cut", -1, now);
  }

  static void damage(const State& now, Steps<State>& emit) {
    if (now.damages == 0) return;
    for (int n = 0; n < kLogs; ++n) {
      for (int slot = 0; slot < kSlots; ++slot) {
        if (now.logs[n].records[slot].bytes != Bytes::kOnDisk) continue;
        State next = now;
        --next.damages;
        next.damaged = 1;
        next.logs[n].records[slot].bytes = Bytes::kDamaged;
        emit.world("a record on disk is damaged", -1, next);
      }
    }
  }
};

}  // namespace

LogCutModel::State LogCutModel::initial() const {
  return Rules{*this}.initial();
}

void LogCutModel::steps(const State& now, Steps<State>& emit) const {
  Rules{*this}.steps(now, emit);
}

std::string LogCutModel::violation(const State& now) const {
  return Rules{*this}.violation(now);
}

bool LogCutModel::goal(const State& now) const {
  return Rules{*this}.goal(now);
}

}  // namespace tidelock::models
