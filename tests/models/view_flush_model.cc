#include "models/view_flush_model.h"

#include <algorithm>

namespace tidelock::models {

namespace {

struct Rules : ViewFlushModel {
  // Operation 1 lies in table 0, on level 1.
  State initial() const {
    State state;
    state.puts = puts;
    state.kills = kills;
    state.stops = stops;
    state.tables[0] = {.there = 1, .own = 0b10, .shared = 1};
    state.tail.level[0] = 2;
    state.published = state.on_disk = state.tail;
    for (std::uint8_t m = 1; m <= 1 + sealed; ++m) {
      state.memtable_there[m] = 1;
      state.begins[m] = m + 1;
      state.memtables.active = state.memtables_made = state.visible = m;
    }
    return state;
  }

  void steps(const State& now, Steps<State>& emit) const {
    for (int who = 0; who < kProcesses; ++who) {
      const Process& me = now.processes[who];
      if (me.at == At::kDead) continue;
      if (me.stopped == 0 && me.at == At::kIdle) {
        start(now, who, emit);
      } else if (me.stopped == 0) {
        step(now, who, emit);
      }
      if (me.at != At::kIdle) disturb(now, who, emit);
    }
  }

  // Whoever can move comes to rest; then all puts are done, whatever became of flush and
  // compaction, and all that is sealed is flushed. Unless somebody stopped holds what it takes.
  bool goal(const State& now) const {
    const auto stopped = [&](std::uint8_t holder) {
      return holder != kFree && now.processes[holder].stopped != 0;
    };
    const bool can_put = !stopped(now.writer) && now.puts > 0;
    const bool can_flush = !stopped(now.flush) && !stopped(now.manifest) &&
                           now.tables_made < tables_max && now.tail.oldest < now.memtables.active;
    for (int who = 0; who < kProcesses; ++who) {
      const Process& process = now.processes[who];
      if (process.at == At::kDead || process.stopped != 0) continue;
      if (process.at != At::kIdle) return false;
      if (can_put && (may[who] & kPuts) != 0) return false;
      if (can_flush && (may[who] & kFlushes) != 0) return false;
    }
    return true;
  }

  std::string violation(const State& now) const {
    switch (now.wrong) {
      case Wrong::kStaleInputs:
        return "a job takes up inputs that are gone";
      case Wrong::kFileGone:
        return "a reader finds a file gone and the view unchanged";
      case Wrong::kTornRead:
        return "a reader sees what never was";
      case Wrong::kNoSuchSpare:
        return "a roll publishes files that are gone";
      case Wrong::kNothing:
        break;
    }
    if (!there(now, now.memtables, now.published)) return "a file of the view is gone";
    // Of the manifest as it is on disk: what would be needed after a power cut.
    if (!there(now, {now.on_disk.oldest, now.memtables.active}, now.on_disk)) {
      return "a file that a power cut would leave needed is gone";
    }
    return judge(now, now.memtables, now.published, now.visible);
  }

  bool is(Broken what) const { return broken == what; }

  void start(const State& now, int who, Steps<State>& emit) const {
    const auto begin = [&](const char* name, Job job, At at, std::uint8_t* lock, State& next) {
      if (lock != nullptr) *lock = static_cast<std::uint8_t>(who);
      next.processes[who].job = job;
      next.processes[who].at = at;
      emit.process(name, who, next);
    };
    const auto can = [&](std::uint8_t what) { return (may[who] & what) != 0; };
    State next = now;
    if (can(kPuts) && now.puts > 0 && now.writer == kFree) {
      --next.puts;
      ++next.visible;
      emit.process("puts", who, next);
      next = now;
    }
    const bool has_spare = now.spare > now.memtables.active;
    if (can(kRolls) && !has_spare && now.prepare == kFree && now.memtables_made < memtables_max) {
      begin("takes the prepare byte", Job::kRoll, At::kCreates, &next.prepare, next);
      next = now;
    }
    if (can(kRolls) && has_spare && now.writer == kFree) {
      begin("takes the writer lock to roll", Job::kRoll, At::kPublishesMemtables, &next.writer,
            next);
      next = now;
    }
    if (can(kFlushes) && now.flush == kFree && now.memtables.active > now.published.oldest) {
      begin("takes the flush byte", Job::kFlush, At::kLocksManifest, &next.flush, next);
      next = now;
    }
    for (int level = 0; can(kCompacts) && level < 2; ++level) {
      if (now.compaction[level] != kFree || tables_of(now.published, level) == 0) continue;
      begin(level == 0 ? "takes compaction byte 0" : "takes compaction byte 1",
            level == 0 ? Job::kCompact0 : Job::kCompact1, At::kLocksManifest,
            &next.compaction[level], next);
      next = now;
    }
    if (can(kSweeps) && has_garbage(now)) {
      begin("begins to sweep", Job::kSweep,
            is(Broken::kNamesBeforeLocks) ? At::kGathers : At::kLocksAll, nullptr, next);
      next = now;
    }
    if (can(kReads)) {
      begin("begins to read", Job::kRead,
            is(Broken::kTablesFirst) ? At::kLoadsTables : At::kLoadsMemtables, nullptr, next);
    }
  }

  void step(const State& now, int who, Steps<State>& emit) const {
    switch (now.processes[who].job) {
      case Job::kRoll:
        return roll(now, who, emit);
      case Job::kSweep:
        return sweep(now, who, emit);
      case Job::kRead:
        return read(now, who, emit);
      default:
        return change_tables(now, who, emit);
    }
  }

  static void finish(const char* name, State next, int who, Steps<State>& emit) {
    give_back(next, who);
    next.processes[who] = {};
    emit.process(name, who, next);
  }

  // ---- Roll

  void roll(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    switch (me.at) {
      case At::kCreates:
        me.output.memtable = ++next.memtables_made;
        next.memtable_there[me.output.memtable] = 1;
        me.at = At::kOffers;
        return emit.process("creates log and arena", who, next);
      case At::kOffers:
        next.spare = me.output.memtable;
        return finish("offers them as a spare", next, who, emit);
      case At::kPublishesMemtables:
        if (next.memtable_there[next.spare] == 0) next.wrong = Wrong::kNoSuchSpare;
        next.memtables.first = std::max(next.memtables.first, next.published.oldest);
        next.memtables.active = next.spare;
        next.begins[next.spare] = next.visible + 1;
        me.at = At::kTakesSpare;
        return emit.process("publishes the memtable half", who, next);
      default:
        next.spare = 0;
        return finish("takes the spare, releases the writer lock", next, who, emit);
    }
  }

  // ---- Flush and compaction

  void change_tables(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    switch (me.at) {
      case At::kLocksManifest:
      case At::kWritesManifest:
      case At::kSyncsDirectory:
      case At::kCatchesUp:
        return lock_manifest(next, who, emit);
      case At::kPicks:
        return me.job == Job::kFlush ? pick_memtable(next, who, emit)
                                     : pick_tables(next, who, emit);
      case At::kBuilds:
        build(next, me);
        me.at = At::kLocksManifest;
        return emit.process("writes and syncs its table", who, next);
      case At::kInstalls:
        return install(next, who, emit);
      case At::kSyncs:
        next.on_disk = next.tail;
        me.at = is(Broken::kUnlinkBeforePublish) ? At::kUnlinks : At::kPublishesTables;
        return emit.process("syncs the manifest", who, next);
      case At::kPublishesTables:
        publish_tables(next);
        next.manifest = kFree;
        me.at = is(Broken::kUnlinkBeforePublish) ? At::kEnds : At::kUnlinks;
        return emit.process("publishes the table half, unlocks the manifest", who, next);
      case At::kUnlinks:
        if (me.job == Job::kFlush) next.memtable_there[me.output.memtable] = 0;
        for (int t = 0; t < kTables; ++t) {
          if (has(me.inputs, t)) next.tables[t].there = 0;
        }
        me.at = is(Broken::kUnlinkBeforePublish) ? At::kPublishesTables : At::kEnds;
        return emit.process("unlinks its inputs", who, next);
      default:
        if (me.waiting.memtable == 0) return finish("gives back its byte", next, who, emit);
        me.output = me.waiting;
        me.waiting = {};
        me.at = At::kLocksManifest;
        return emit.process("turns to the table it put aside", who, next);
    }
  }

  // V3: whoever takes the byte reads the manifest to its end. An edit that the table half lacks is
  // a dead installer's, and perhaps not on disk.
  void lock_manifest(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    At then = me.job == Job::kSweep ? At::kSweeps : At::kPicks;
    if (me.picked != 0) then = At::kInstalls;
    switch (me.at) {
      case At::kLocksManifest:
        if (next.manifest != kFree) {
          if (next.processes[next.manifest].stopped == 0) return;
          return finish("gives up at its deadline", next, who, emit);
        }
        next.manifest = static_cast<std::uint8_t>(who);
        me.at = then;
        if (next.tail != next.published && (me.picked != 0 || !is(Broken::kTailUnread))) {
          me.at = next.renamed != 0 ? At::kSyncsDirectory : At::kWritesManifest;
          if (is(Broken::kTailUnsynced)) me.at = At::kCatchesUp;
          if (is(Broken::kRenameUnsynced) && next.renamed != 0) me.at = At::kCatchesUp;
        }
        return emit.process("locks the manifest, reads its tail", who, next);
      case At::kWritesManifest:
        next.renamed = 1;
        me.at = At::kSyncsDirectory;
        return emit.process("writes a new manifest, renames CURRENT", who, next);
      case At::kSyncsDirectory:
        next.on_disk = next.tail;
        next.renamed = 0;
        me.at = At::kCatchesUp;
        return emit.process("syncs the directory", who, next);
      default:
        publish_tables(next);
        me.at = then;
        return emit.process("publishes the table half for a dead process", who, next);
    }
  }

  // Any sealed memtable: which one comes first is the installation's business (F1).
  void pick_memtable(State now, int who, Steps<State>& emit) const {
    const Version& version = is(Broken::kTailUnread) ? now.published : now.tail;
    if (version.oldest == now.memtables.active || now.tables_made == tables_max) {
      return finish("finds nothing to do", now, who, emit);
    }
    for (std::uint8_t m = version.oldest; m < now.memtables.active; ++m) {
      State next = now;
      take_up(next, who, m);
      if (m < now.tail.oldest) next.wrong = Wrong::kStaleInputs;
      emit.process(m == version.oldest ? "picks the oldest memtable" : "picks a younger memtable",
                   who, next);
    }
  }

  // All of a level and of the next one, since all overlap.
  void pick_tables(State next, int who, Steps<State>& emit) const {
    const Version version = is(Broken::kTailUnread) ? next.published : next.tail;
    const int level = next.processes[who].job == Job::kCompact0 ? 0 : 1;
    if (tables_of(version, level) == 0 || next.tables_made == tables_max) {
      return finish("finds nothing to do", next, who, emit);
    }
    take_up(next, who, 0);
    Process& me = next.processes[who];
    me.inputs = tables_of(version, level) | tables_of(version, level + 1);
    me.bottom = level + 2 == kLevels || tables_of(version, level + 2) == 0;
    for (int t = 0; t < kTables; ++t) {
      if (has(me.inputs, t) && next.tail.level[t] == 0) next.wrong = Wrong::kStaleInputs;
    }
    emit.process("picks tables", who, next);
  }

  static void take_up(State& next, int who, std::uint8_t memtable) {
    Process& me = next.processes[who];
    me.picked = 1;
    me.output = {next.tables_made++, memtable};
    me.at = At::kBuilds;
    if (next.manifest == who) next.manifest = kFree;
  }

  void build(State& next, const Process& me) const {
    Table& table = next.tables[me.output.table];
    table.there = 1;
    table.memtable = me.output.memtable;
    if (me.job == Job::kFlush) {
      for (int n = next.begins[table.memtable]; n < next.begins[table.memtable + 1]; ++n) {
        table.own |= static_cast<std::uint8_t>(1u << n);
        table.shared = static_cast<std::uint8_t>(n);
      }
      return;
    }
    for (int t = 0; t < kTables; ++t) {
      if (!has(me.inputs, t)) continue;
      table.own |= next.tables[t].own;
      table.shared = std::max(table.shared, next.tables[t].shared);
    }
    if (me.bottom != 0 && table.shared == tombstone) table.shared = 0;
  }

  void install(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    const bool early = me.job == Job::kFlush && me.output.memtable != next.tail.oldest;
    if (early && !is(Broken::kFlushOutOfOrder)) {
      // F1: the older one first. Its table takes a later number.
      if (next.tables_made == tables_max) return finish("gives up", next, who, emit);
      me.waiting = me.output;
      take_up(next, who, next.tail.oldest);
      return emit.process("puts its table aside for an older memtable", who, next);
    }
    if (!inputs_fit(next, me)) return finish("throws its output away", next, who, emit);
    for (int t = 0; t < kTables; ++t) {
      if (has(me.inputs, t)) next.tail.level[t] = 0;
    }
    next.tail.level[me.output.table] = output_level(me) + 1;
    if (me.job == Job::kFlush) {
      next.tail.oldest = std::max<std::uint8_t>(next.tail.oldest, me.output.memtable + 1);
    }
    me.at = At::kSyncs;
    emit.process("appends its edit to the manifest", who, next);
  }

  static std::uint8_t output_level(const Process& me) {
    if (me.job == Job::kFlush) return 0;
    return me.job == Job::kCompact0 ? 1 : 2;
  }

  // F3: all inputs are live, and nothing else on the output's level overlaps it.
  bool inputs_fit(const State& now, const Process& me) const {
    if (me.job == Job::kFlush || is(Broken::kInstallUnchecked)) return true;
    for (int t = 0; t < kTables; ++t) {
      const bool input = has(me.inputs, t);
      if (input && now.tail.level[t] == 0) return false;
      if (!input && now.tail.level[t] == output_level(me) + 1) return false;
    }
    return true;
  }

  static void publish_tables(State& next) {
    next.published = next.tail;
    ++next.publication;
  }

  // ---- Sweep, F4

  void sweep(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    switch (me.at) {
      case At::kGathers:
        gather(next, me);
        me.at = At::kLocksAll;
        return emit.process("gathers what is named", who, next);
      case At::kLocksAll:
        // One after another and without waiting; nothing is done before all are held.
        for (std::uint8_t* lock : all_locks(next)) {
          if (*lock != kFree) return finish("finds a job in progress", next, who, emit);
          *lock = static_cast<std::uint8_t>(who);
        }
        next.manifest = kFree;
        me.at = At::kLocksManifest;
        return emit.process("takes all job bytes and the writer lock", who, next);
      case At::kSweeps:
        if (!is(Broken::kNamesBeforeLocks)) gather(next, me);
        for (std::uint8_t m = 1; m < kMemtables; ++m) {
          const bool named =
              m == me.spare ||
              (m >= std::max(me.memtables.first, me.tables.oldest) && m <= me.memtables.active);
          if (!named) next.memtable_there[m] = 0;
        }
        for (int t = 0; t < kTables; ++t) {
          if (me.tables.level[t] == 0) next.tables[t].there = 0;
        }
        return finish("lists the directory, unlinks what is not named", next, who, emit);
      default:
        return lock_manifest(next, who, emit);
    }
  }

  void gather(const State& now, Process& me) const {
    me.memtables = now.memtables;
    me.tables = is(Broken::kTailUnread) ? now.published : now.tail;
    me.spare = is(Broken::kSpareUnnamed) ? 0 : now.spare;
  }

  static bool has_garbage(const State& now) {
    for (std::uint8_t m = 1; m < kMemtables; ++m) {
      const bool live = m >= now.tail.oldest && m <= now.memtables.active;
      if (now.memtable_there[m] != 0 && !live) return true;
    }
    for (int t = 0; t < kTables; ++t) {
      if (now.tables[t].there != 0 && now.tail.level[t] == 0) return true;
    }
    return false;
  }

  // ---- Read, V1

  void read(State next, int who, Steps<State>& emit) const {
    Process& me = next.processes[who];
    const bool changed = next.memtables != me.memtables || next.publication != me.publication;
    switch (me.at) {
      case At::kLoadsMemtables:
        me.memtables = next.memtables;
        me.at = is(Broken::kTablesFirst) ? At::kOpens : At::kLoadsTables;
        return emit.process("loads the memtable half", who, next);
      case At::kLoadsTables:
        me.tables = next.published;
        me.publication = next.publication;
        me.at = is(Broken::kTablesFirst) ? At::kLoadsMemtables : At::kOpens;
        return emit.process("loads the table half", who, next);
      case At::kOpens:
        me.at = At::kLoadsV;
        if (there(next, me.memtables, me.tables)) {
          return emit.process("opens the files", who, next);
        }
        if (!changed) next.wrong = Wrong::kFileGone;
        return finish("finds a file gone", next, who, emit);
      case At::kLoadsV:
        me.visible = next.visible;
        me.at = At::kCompares;
        return emit.process("loads V", who, next);
      default:
        if (changed && !is(Broken::kNotCompared) && !is(Broken::kTablesFirst)) {
          return finish("finds the view changed", next, who, emit);
        }
        if (!judge(next, me.memtables, me.tables, me.visible).empty()) {
          next.wrong = Wrong::kTornRead;
        }
        return finish("reads", next, who, emit);
    }
  }

  static bool there(const State& now, const Memtables& memtables, const Version& version) {
    for (int m = std::max(memtables.first, version.oldest); m <= memtables.active; ++m) {
      if (now.memtable_there[m] == 0) return false;
    }
    for (int t = 0; t < kTables; ++t) {
      if (version.level[t] != 0 && now.tables[t].there == 0) return false;
    }
    return true;
  }

  // What a lookup finds with these halves at V = `visible`: must be all that was written.
  std::string judge(const State& now, const Memtables& memtables, const Version& version,
                    int visible) const {
    unsigned own = 1;
    int shared = 0;
    for (int m = memtables.active; m >= std::max(memtables.first, version.oldest); --m) {
      const int end = m < memtables.active ? now.begins[m + 1] : visible + 1;
      for (int n = now.begins[m]; n < std::min(end, visible + 1); ++n) own |= 1u << n;
      if (shared == 0 && end > now.begins[m]) shared = std::min(end - 1, visible);
    }
    for (int level = 0; level < kLevels; ++level) {
      std::uint8_t left = tables_of(version, level);
      if (level > 0 && (left & (left - 1)) != 0) return "tables of one level overlap";
      while (left != 0) {
        const int t = newest_of(now, left);
        left &= static_cast<std::uint8_t>(~(1u << t));
        own |= now.tables[t].own;
        if (shared == 0) shared = now.tables[t].shared;
      }
    }
    if (shared == tombstone) shared = 0;
    const int expected = visible == tombstone ? 0 : visible;
    if ((own & ((2u << visible) - 1)) != (2u << visible) - 1) return "a write is missing";
    if (shared == expected) return "";
    return expected == 0 ? "an erased key is back" : "an older version is read";
  }

  // F2: of level 0 the table of the newest memtable.
  int newest_of(const State& now, std::uint8_t tables) const {
    int newest = -1;
    for (int t = 0; t < kTables; ++t) {
      if (!has(tables, t)) continue;
      const bool later = is(Broken::kLevel0ByFileNumber) || newest < 0 ||
                         now.tables[t].memtable > now.tables[newest].memtable;
      if (later) newest = t;
    }
    return newest;
  }

  // ---- Small things

  static bool has(std::uint8_t set, int t) { return (set >> t & 1) != 0; }

  static std::uint8_t tables_of(const Version& version, int level) {
    std::uint8_t set = 0;
    for (int t = 0; t < kTables; ++t) {
      if (version.level[t] == level + 1) set |= static_cast<std::uint8_t>(1u << t);
    }
    return set;
  }

  static std::array<std::uint8_t*, 6> all_locks(State& next) {
    return {&next.prepare,       &next.flush,  &next.compaction[0],
            &next.compaction[1], &next.writer, &next.manifest};
  }

  static void give_back(State& next, int who) {
    for (std::uint8_t* lock : all_locks(next)) {
      if (*lock == who) *lock = kFree;
    }
  }

  void disturb(const State& now, int who, Steps<State>& emit) const {
    State next = now;
    if (now.kills > 0) {
      --next.kills;
      give_back(next, who);
      next.processes[who] = {.at = At::kDead};
      emit.world("is killed", who, next);
      next = now;
    }
    if (now.stops > 0 && now.processes[who].stopped == 0) {
      --next.stops;
      next.processes[who].stopped = 1;
      emit.world("is stopped", who, next);
    } else if (now.processes[who].stopped != 0) {
      next.processes[who].stopped = 0;
      emit.world("is resumed", who, next);
    }
  }
};

}  // namespace

ViewFlushModel::State ViewFlushModel::initial() const {
  return Rules{*this}.initial();
}

void ViewFlushModel::steps(const State& now, Steps<State>& emit) const {
  Rules{*this}.steps(now, emit);
}

std::string ViewFlushModel::violation(const State& now) const {
  return Rules{*this}.violation(now);
}

bool ViewFlushModel::goal(const State& now) const {
  return Rules{*this}.goal(now);
}

}  // namespace tidelock::models
