#include "models/sync_model.h"

#include <algorithm>

namespace tidelock::models {

namespace {

struct Rules : SyncModel {
  State initial() const {
    State state;
    state.kills = kills;
    state.stops = stops;
    state.failures = failures;
    return state;
  }

  void steps(const State& now, Steps<State>& emit) const {
    for (int who = 0; who < kThreads; ++who) {
      const Thread& me = now.threads[who];
      if (me.at == At::kDone || me.at == At::kDead) continue;
      if (me.stopped == 0) step(now, who, emit);
      disturb(now, who, emit);
    }
    write_back(now, emit);
  }

  // Everybody who can move gets an answer, whoever is dead or stopped.
  bool goal(const State& now) const {
    return std::ranges::all_of(now.threads, [](const Thread& thread) {
      return thread.at == At::kDone || thread.at == At::kDead || thread.stopped != 0;
    });
  }

  std::string violation(const State& now) const {
    for (int lsn = 0; lsn < now.durable; ++lsn) {
      if (now.record[lsn] != Bytes::kOnDisk) return "D covers bytes that are not on disk";
      if (now.entry_on_disk[log_of(now, lsn)] == 0) return "D covers a log without a name";
    }
    if (now.durable < now.promised) return "D fell";
    const bool wrong = std::ranges::count(now.record, Bytes::kWrong) != 0;
    return wrong ? "a committed record changed" : "";
  }

  bool is(Broken what) const { return broken == what; }

  static int log_of(const State& now, int lsn) { return lsn >= now.second_base ? 1 : 0; }

  void open(State& next, int who, int log) const {
    Process& process = next.processes[process_of[who]];
    if (process.descriptor[log] != Descriptor::kClosed) return;
    const bool owed = next.untold[log] != 0;
    process.descriptor[log] = owed ? Descriptor::kOwedAnError : Descriptor::kOpen;
    process.late[log] = next.end;
  }

  void step(const State& now, int who, Steps<State>& emit) const {
    State next = now;
    Thread& me = next.threads[who];
    const auto go = [&](const char* name, At at) {
      me.at = at;
      emit.process(name, who, next);
    };
    switch (me.at) {
      case At::kAdopts:
        open(next, who, log_of(now, now.end));
        if (!appends[who] && now.end == 0) return go("has nothing to sync", At::kDone);
        me.lsn = static_cast<std::uint8_t>(now.end - 1);
        return go("opens the live log", appends[who] ? At::kAppends : At::kWaits);
      case At::kAppends:
        if (now.failed != 0) return go("is refused", At::kDone);
        if (now.end == roll_at) next.second_base = now.end;
        open(next, who, log_of(next, now.end));
        next.record[now.end] = Bytes::kDirty;
        me.lsn = next.end++;
        return go("appends and commits", At::kWaits);
      case At::kWaits:
        return wait(next, who, emit);
      case At::kBegins:
        return begin(next, who, emit);
      case At::kVerifies:
      case At::kRewrites:
        return distrust(next, who, emit);
      case At::kSyncs:
        return sync(next, who, emit);
      case At::kSyncsDirectory:
        next.entry_on_disk[me.log] = 1;
        me.at = next_log(next, who);
        return emit.process("syncs the directory", who, next);
      case At::kRaises:
        next.durable = is(Broken::kPlainStore) ? me.to : std::max(now.durable, me.to);
        leave(next, who);
        return go("raises D", At::kWaits);
      case At::kFails:
        next.failed = 1;
        leave(next, who);
        return go("stores the error", At::kWaits);
      case At::kDone:
      case At::kDead:
        return;
    }
  }

  void wait(State next, int who, Steps<State>& emit) const {
    Thread& me = next.threads[who];
    if (next.durable > me.lsn) {
      next.promised = std::max<std::uint8_t>(next.promised, me.lsn + 1);
      me.at = At::kDone;
      return emit.process("returns: durable", who, next);
    }
    if (next.failed != 0) {
      me.at = At::kDone;
      return emit.process("returns: not durable", who, next);
    }
    State gone = next;
    gone.threads[who].at = At::kDone;
    emit.process("returns at its deadline: not known to be durable", who, gone);

    me.at = At::kBegins;
    if (is(Broken::kOnlyDeadSuspected)) {
      me.suspects = next.leader != kNobody && next.threads[next.leader].at == At::kDead;
      if (next.leader == kNobody || me.suspects != 0) next.leader = static_cast<std::uint8_t>(who);
    }
    emit.process("goes to sync", who, next);
  }

  void begin(State next, int who, Steps<State>& emit) const {
    Thread& me = next.threads[who];
    Process& process = next.processes[process_of[who]];
    if (process.mutex != kNobody && !is(Broken::kThreadsApart)) return;
    if (next.failed != 0) {  // by a thread that held the mutex meanwhile
      me.at = At::kWaits;
      return emit.process("finds the sticky error", who, next);
    }
    process.mutex = static_cast<std::uint8_t>(who);
    me.from = next.durable;
    me.to = next.end;
    me.log = 0;
    const int oldest = log_of(next, is(Broken::kNewestLogOnly) ? next.end - 1 : next.durable);
    while (me.log < oldest) ++me.log;
    me.at = trust(next, who);
    emit.process("begins a sync", who, next);
  }

  void leave(State& next, int who) const {
    if (next.leader == who) next.leader = kNobody;
    next.processes[process_of[who]].mutex = kNobody;
    Thread& me = next.threads[who];
    me.from = me.to = me.log = me.suspects = 0;
  }

  // C3: a descriptor does not know of errors before its time. What was there before it, from D
  // on, is read and its chain verified, and written over itself, so that the kernel writes it.
  std::uint8_t suspected_to(const State& now, int who) const {
    const Thread& me = now.threads[who];
    if (is(Broken::kOnlyDeadSuspected)) return me.suspects != 0 ? me.to : 0;
    if (is(Broken::kLateTrusted)) return 0;
    return now.processes[process_of[who]].late[me.log];
  }

  At trust(State& next, int who) const {
    open(next, who, next.threads[who].log);
    return suspected_to(next, who) > next.threads[who].from ? At::kVerifies : At::kSyncs;
  }

  void distrust(State next, int who, Steps<State>& emit) const {
    Thread& me = next.threads[who];
    bool dropped = false;
    for (int lsn = me.from; lsn < suspected_to(next, who); ++lsn) {
      if (log_of(next, lsn) != me.log) continue;
      Bytes& bytes = next.record[lsn];
      dropped |= bytes == Bytes::kDropped;
      if (me.at == At::kVerifies || bytes == Bytes::kOnDisk) continue;
      const bool garbage = bytes == Bytes::kDropped && is(Broken::kUnverified);
      bytes = garbage ? Bytes::kWrong : Bytes::kDirty;
    }
    if (me.at == At::kVerifies) {
      me.at = dropped && !is(Broken::kUnverified) ? At::kFails : At::kRewrites;
      return emit.process("reads what was there before its descriptor", who, next);
    }
    next.processes[process_of[who]].late[me.log] = 0;
    me.at = At::kSyncs;
    emit.process("writes it over itself", who, next);
  }

  void sync(State next, int who, Steps<State>& emit) const {
    Thread& me = next.threads[who];
    Descriptor& descriptor = next.processes[process_of[who]].descriptor[me.log];
    if (descriptor == Descriptor::kOwedAnError) {
      descriptor = Descriptor::kOpen;
      next.untold[me.log] = 0;
      me.at = At::kFails;
      return emit.process("fdatasync tells of an error", who, next);
    }
    State failing = next;
    if (next.failures > 0 && fail(failing, me.log)) {
      --failing.failures;
      failing.processes[process_of[who]].descriptor[me.log] = Descriptor::kOpen;
      failing.untold[me.log] = 0;
      failing.threads[who].at = At::kFails;
      emit.world("fdatasync fails", who, failing);
    }
    for (int lsn = 0; lsn < next.end; ++lsn) {
      if (log_of(next, lsn) != me.log || next.record[lsn] != Bytes::kDirty) continue;
      next.record[lsn] = Bytes::kOnDisk;
    }
    const bool named = next.entry_on_disk[me.log] != 0 || is(Broken::kNoDirectorySync);
    me.at = named ? next_log(next, who) : At::kSyncsDirectory;
    emit.process("fdatasync", who, next);
  }

  // The next log, or D.
  At next_log(State& next, int who) const {
    Thread& me = next.threads[who];
    if (me.log == log_of(next, me.to - 1)) return At::kRaises;
    ++me.log;
    return trust(next, who);
  }

  // What was dirty is not written, and held as clean from now on. False if nothing was dirty.
  static bool fail(State& next, int log) {
    bool any = false;
    for (int lsn = 0; lsn < next.end; ++lsn) {
      if (log_of(next, lsn) != log || next.record[lsn] != Bytes::kDirty) continue;
      next.record[lsn] = Bytes::kClean;
      any = true;
    }
    for (Process& process : next.processes) {
      if (any && process.descriptor[log] != Descriptor::kClosed) {
        process.descriptor[log] = Descriptor::kOwedAnError;
      }
    }
    if (any) next.untold[log] = 1;
    return any;
  }

  // The kernel, by itself.
  static void write_back(const State& now, Steps<State>& emit) {
    for (int log = 0; log < kLogs; ++log) {
      State next = now;
      if (now.failures > 0 && fail(next, log)) {
        --next.failures;
        emit.world("a write-back fails", -1, next);
      }
    }
    State next = now;
    std::ranges::replace(next.record, Bytes::kClean, Bytes::kDropped);
    if (next.record != now.record) emit.world("the kernel drops clean pages", -1, next);
  }

  void disturb(const State& now, int who, Steps<State>& emit) const {
    if (now.kills > 0) {
      State next = now;
      --next.kills;
      for (int other = 0; other < kThreads; ++other) {
        if (process_of[other] == process_of[who]) next.threads[other] = {.at = At::kDead};
      }
      next.processes[process_of[who]] = {};
      emit.world("is killed", who, next);
    }
    if (now.stops > 0 && now.threads[who].stopped == 0) {
      State next = now;
      --next.stops;
      next.threads[who].stopped = 1;
      emit.world("is stopped", who, next);
    }
    if (now.threads[who].stopped != 0) {
      State next = now;
      next.threads[who].stopped = 0;
      emit.world("is resumed", who, next);
    }
  }
};

}  // namespace

SyncModel::State SyncModel::initial() const {
  return Rules{*this}.initial();
}

void SyncModel::steps(const State& now, Steps<State>& emit) const {
  Rules{*this}.steps(now, emit);
}

std::string SyncModel::violation(const State& now) const {
  return Rules{*this}.violation(now);
}

bool SyncModel::goal(const State& now) const {
  return Rules{*this}.goal(now);
}

}  // namespace tidelock::models
