#include "models/commit_model.h"

#include <algorithm>

namespace tidelock::models {

namespace {

struct Rules : CommitModel {
  State initial() const {
    State state;
    state.kills = static_cast<std::uint8_t>(kills);
    state.stops = static_cast<std::uint8_t>(stops);
    return state;
  }

  void steps(const State& now, Steps<State>& emit) const {
    for (int who = 0; who < kProcesses; ++who) {
      const Process& me = now.processes[who];
      if (me.at == At::kDead) continue;
      if (me.stopped == 0) step(now, who, emit);
      if (me.at != At::kDone) disturb(now, who, emit);
    }
  }

  // All who can move have finished. A dead process holds up nobody; a stopped one only until the
  // others' deadlines.
  bool goal(const State& now) const {
    return std::ranges::all_of(now.processes, [](const Process& process) {
      return process.at == At::kDone || process.at == At::kDead || process.stopped != 0;
    });
  }

  std::string violation(const State& now) const {
    for (int lsn = 0; lsn < now.end.lsn; ++lsn) {
      const Record& record = now.log[lsn];
      if (record.halves != 2 || record.id != now.history[lsn]) return "a committed record changed";
      if (record.previous != (lsn == 0 ? 0 : now.log[lsn - 1].id)) return "the chain is broken";
      if (record.sequence != 1 + kOperations * lsn) return "a sequence number is missing";
    }
    if (now.applied.lsn > now.end.lsn) return "A is beyond E";
    if (now.visible < now.returned) return "a write that returned is not visible";
    if (now.visible < now.shown) return "V fell";
    if (now.visible % kOperations != 0) return "half a batch is visible";
    for (int key = 0; key < kKeys; ++key) {
      if (auto wrong = wrong_memtable(now, key); !wrong.empty()) return wrong;
      for (int v = 0; v <= now.visible; v += kOperations) {
        if (newest_in_memtable(now, key, v) != newest_in_log(now, key, v)) {
          return "a snapshot differs from the log";
        }
      }
    }
    if (now.visible > now.applied.live().sequence) return "V is beyond A";
    return "";
  }

  static std::uint8_t id_of(int who, const Process& process) {
    return static_cast<std::uint8_t>(1 + who * 2 + process.batch);
  }

  // What the batches write: both keys, in both orders, and one key twice.
  static int key_of(int id, int operation) {
    constexpr int kWrites[][kOperations] = {{}, {0, 1}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {1, 0}};
    return kWrites[id][operation];
  }

  // The last sequence number of the process's own record.
  static std::uint8_t last_of(const State& now, const Process& process) {
    return static_cast<std::uint8_t>(now.log[process.lsn].sequence + kOperations - 1);
  }

  bool is(Broken what) const { return broken == what; }

  void step(const State& now, int who, Steps<State>& emit) const {
    State next = now;
    Process& me = next.processes[who];
    const auto go = [&](const char* name, At at) {
      me.at = at;
      emit.process(name, who, next);
    };
    switch (me.at) {
      case At::kOutside:
        return go("asks for the lock", me.batch == batches[who] ? At::kDone : At::kWaits);
      case At::kWaits:
        if (now.holder == kFree || now.processes[now.holder].at == At::kDead) {
          next.holder = static_cast<std::uint8_t>(who);
          me.committed = 0;
          go("takes the lock", At::kLooks);
        } else {
          go("gives up at its deadline", At::kDone);
        }
        return;
      case At::kLooks:
        if (now.applied.lsn == now.end.lsn || is(Broken::kNoRedo)) {
          return go("finds all applied", At::kCopiesHead);
        }
        me.lsn = now.applied.lsn;
        me.operation = 0;
        return go("finds A behind E", At::kInserts);
      case At::kCopiesHead:
        next.log[now.end.lsn] = {.halves = 1};
        return go("copies half the record", At::kCopiesBody);
      case At::kCopiesBody: {
        const Cell& last = now.end.live();
        next.log[now.end.lsn] = {2, id_of(who, me), static_cast<std::uint8_t>(last.sequence + 1),
                                 last.chain};
        me.lsn = now.end.lsn;
        me.operation = 0;
        return go("copies the other half",
                  is(Broken::kInsertedBeforeCommit) ? At::kInserts : At::kFillsLsn);
      }
      case At::kFillsLsn:
      case At::kFillsSequence:
      case At::kFillsChain:
      case At::kSwitchesCell:
      case At::kCommits:
        return commit(next, who, emit);
      case At::kInserts:
      case At::kFillsApplied:
      case At::kApplies:
        return apply(next, who, emit);
      case At::kShows:
        next.visible = now.applied.live().sequence;
        if (is(Broken::kShownBeforeApplied)) next.visible = now.end.live().sequence;
        if (is(Broken::kShownOutsideTheLock) && now.holder != who) next.visible = last_of(now, me);
        next.shown = std::max(now.shown, next.visible);
        if (is(Broken::kShownBeforeApplied) && me.committed != 0 && me.operation == 0) {
          return go("raises V", At::kInserts);
        }
        if (is(Broken::kShownOutsideTheLock) && now.holder != who) {
          return go("raises V late", At::kReturns);
        }
        return go("raises V", me.committed != 0 ? At::kReleases : At::kCopiesHead);
      case At::kReleases:
        next.holder = kFree;
        return go("releases", is(Broken::kShownOutsideTheLock) ? At::kShows : At::kReturns);
      case At::kReturns:
        next.returned = std::max(now.returned, last_of(now, me));
        ++me.batch;
        return go("acknowledges", At::kOutside);
      case At::kDone:
      case At::kDead:
        return;
    }
  }

  // Step 4: the cell that is not in use, then the word, which holds LSN and cell number.
  void commit(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    const std::uint8_t idle = is(Broken::kLiveCellOverwritten) ? next.end.cell : next.end.cell ^ 1;
    const Record& record = next.log[next.end.lsn];
    switch (me.at) {
      case At::kFillsLsn:
        next.end.cells[idle].lsn = next.end.lsn + 1;
        me.at = At::kFillsSequence;
        return emit.process("fills the commit cell: LSN", who, next);
      case At::kFillsSequence:
        next.end.cells[idle].sequence = record.sequence + kOperations - 1;
        me.at = At::kFillsChain;
        return emit.process("fills the commit cell: sequence number", who, next);
      case At::kFillsChain:
        next.end.cells[idle].chain = record.id;
        me.at = is(Broken::kWordInTwoStores) ? At::kSwitchesCell : At::kCommits;
        return emit.process("fills the commit cell: chain", who, next);
      case At::kSwitchesCell:
        next.end.cell = idle;
        me.at = At::kCommits;
        return emit.process("switches the commit cell", who, next);
      default:
        if (!is(Broken::kWordInTwoStores)) next.end.cell = idle;
        next.history[next.end.lsn] = record.id;
        ++next.end.lsn;
        me.committed = 1;
        me.at = At::kInserts;
        if (is(Broken::kShownBeforeApplied)) me.at = At::kShows;
        if (is(Broken::kInsertedBeforeCommit) || is(Broken::kAppliedBeforeInserted)) {
          me.at = At::kFillsApplied;
        }
        return emit.process("commits", who, next);
    }
  }

  // Step 5, and the same for a redo: insert each operation, then advance A over the record.
  void apply(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    const Record& record = next.log[me.lsn];
    const std::uint8_t idle = next.applied.cell ^ 1;
    const bool redo = me.committed == 0 && !is(Broken::kInsertedBeforeCommit);
    switch (me.at) {
      case At::kInserts: {
        const auto sequence = static_cast<std::uint8_t>(record.sequence + me.operation);
        auto& versions = next.memtable[key_of(record.id, me.operation)];
        const bool there = redo && versions[0] >= sequence && !is(Broken::kRedoUnchecked);
        if (!there) {
          std::shift_right(versions.begin(), versions.end(), 1);
          versions[0] = sequence;
        }
        if (++me.operation == kOperations) {
          me.at = At::kFillsApplied;
          if (is(Broken::kInsertedBeforeCommit) && me.committed == 0) me.at = At::kFillsLsn;
          if (is(Broken::kAppliedBeforeInserted) && !redo) me.at = At::kShows;
        }
        return emit.process(there ? "skips what is there" : "inserts", who, next);
      }
      case At::kFillsApplied:
        next.applied.cells[idle] = {static_cast<std::uint8_t>(me.lsn + 1),
                                    static_cast<std::uint8_t>(record.sequence + kOperations - 1),
                                    record.id};
        me.at = At::kApplies;
        return emit.process("fills the cell of A", who, next);
      default:
        next.applied.cell = idle;
        next.applied.lsn = me.lsn + 1;
        me.at = At::kShows;
        if (is(Broken::kAppliedBeforeInserted) && !redo) me.at = At::kInserts;
        if (is(Broken::kShownOutsideTheLock) && !redo) me.at = At::kReleases;
        return emit.process("advances A", who, next);
    }
  }

  void disturb(const State& now, int who, Steps<State>& emit) const {
    if (now.kills > 0) {
      State next = now;
      --next.kills;
      next.processes[who].at = At::kDead;
      next.processes[who].stopped = 0;
      emit.world("is killed", who, next);
    }
    if (now.stops > 0 && now.processes[who].stopped == 0) {
      State next = now;
      --next.stops;
      next.processes[who].stopped = 1;
      emit.world("is stopped", who, next);
    }
    if (now.processes[who].stopped != 0) {
      State next = now;
      next.processes[who].stopped = 0;
      emit.world("is resumed", who, next);
    }
  }

  // Each version belongs to a committed operation on that key; newest first, none twice.
  static std::string wrong_memtable(const State& now, int key) {
    const auto& versions = now.memtable[key];
    for (std::size_t i = 0; i < versions.size() && versions[i] != 0; ++i) {
      if (i > 0 && versions[i] >= versions[i - 1]) return "versions are out of order";
      const int lsn = (versions[i] - 1) / kOperations;
      const int operation = (versions[i] - 1) % kOperations;
      if (lsn >= now.end.lsn || key_of(now.log[lsn].id, operation) != key) {
        return "the memtable holds what was never committed";
      }
    }
    return "";
  }

  static int newest_in_memtable(const State& now, int key, int v) {
    for (const std::uint8_t sequence : now.memtable[key]) {
      if (sequence <= v) return sequence;
    }
    return 0;
  }

  static int newest_in_log(const State& now, int key, int v) {
    for (int sequence = v; sequence > 0; --sequence) {
      const Record& record = now.log[(sequence - 1) / kOperations];
      if (key_of(record.id, (sequence - 1) % kOperations) == key) return sequence;
    }
    return 0;
  }
};

}  // namespace

CommitModel::State CommitModel::initial() const {
  return Rules{*this}.initial();
}

void CommitModel::steps(const State& now, Steps<State>& emit) const {
  Rules{*this}.steps(now, emit);
}

std::string CommitModel::violation(const State& now) const {
  return Rules{*this}.violation(now);
}

bool CommitModel::goal(const State& now) const {
  return Rules{*this}.goal(now);
}

}  // namespace tidelock::models
