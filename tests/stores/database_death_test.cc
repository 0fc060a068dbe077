// Deaths after every store of whoever writes, rolls, flushes, compacts, opens, closes, creates,
// syncs, or mends what an earlier death left.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/crash_point.h"
#include "stores/journal.h"
#include "stores/sections.h"
#include "stores/successor.h"
#include "support/fault.h"
#include "support/shared_value.h"

namespace tidelock::test {
namespace {

namespace fs = std::filesystem;

// Who else there is when the victim comes.
enum class Others : std::uint8_t {
  kAttached,  // one that idles, and goes on after the death
  kDead,      // they died, so the shared state is in force, and nobody is attached
  kGone,      // they closed in order
  kReplaced,  // as kDead, and then the directory was copied: the state is not in force
};

// What a process does to the database, or to a directory without one. 0: as expected.
using Deeds = std::function<int(Db&, Journal&)>;
using Life = std::function<int(const std::string& path, Journal&)>;

Life with_database(const Deeds& deeds) {
  return [deeds](const std::string& path, Journal& journal) {
    Result<Db> db = Db::open(path, database_options());
    return db ? deeds(*db, journal) : 2;
  };
}

int nothing(Db&, Journal&) {
  return 0;
}

struct Plot {
  Others others = Others::kAttached;
  Deeds prepare = nothing;  // by those others
  Life dead_before{};       // by another, which dies of it
  // The victim, and what comes before the section.
  std::function<int(const std::string& path, Journal&, StoreWatch&)> victim{};
};

enum class Commit : std::uint8_t { kDone, kNever };

// In a process that dies of it, or after it. Of the write it died in, if any, it is known on which
// side of the commit that was.
void run_and_die(const Life& life, const std::string& path, Journal& journal,
                 Commit last = Commit::kDone) {
  ChildProcess child([&] {
    (void)life(path, journal);
    ::raise(SIGKILL);
    return 0;
  });
  child.wait();
  if (last == Commit::kDone) {
    journal.committed.store(journal.begun.load());
  } else {
    journal.begun.store(std::max(journal.committed.load(), journal.acknowledged.load()));
  }
}

std::string run(const Plot& plot, Trial& trial) {
  const std::string path = trial.file("db");
  SharedValue<Journal> journal;
  std::optional<Db> survivor;
  if (plot.others == Others::kAttached) {
    Result<Db> db = Db::open(path, database_options());
    if (!db || plot.prepare(*db, *journal) != 0) return "the others could not prepare";
    survivor.emplace(std::move(*db));
  } else if (plot.prepare) {
    run_and_die(with_database([&](Db& db, Journal& noted) {
                  const int result = plot.prepare(db, noted);
                  if (plot.others == Others::kGone) (void)db.close();
                  return result;
                }),
                path, *journal);
  }
  if (plot.others == Others::kReplaced) {
    fs::rename(path, trial.file("before"));
    copy_directory(trial.file("before"), path);
  }
  if (plot.dead_before) run_and_die(plot.dead_before, path, *journal);
  ChildProcess victim =
      trial.victim([&](StoreWatch& watch) { return plot.victim(path, *journal, watch); });
  if (std::string problem = trial.bury(victim); !problem.empty()) return problem;

  const std::string copy = trial.file("copy");
  if (fs::exists(path)) copy_directory(path, copy);
  Successor attached(path, *journal);
  std::string problem = attached.read();
  if (!problem.empty()) return "read only: " + problem;
  problem = survivor ? attached.go_on(std::move(*survivor)) : attached.open_and_go_on();
  if (!problem.empty()) return "attached: " + problem;
  Successor rebuilt(copy, *journal);
  rebuilt.expect_what_is_committed();
  problem = rebuilt.open_and_go_on();
  return problem.empty() ? problem : "rebuilt: " + problem;
}

// A victim that opens the database and does something before the section, which are `deeds`.
auto victim(const Deeds& deeds, const Deeds& before = nothing) {
  return [deeds, before](const std::string& path, Journal& journal, StoreWatch& watch) {
    Result<Db> db = Db::open(path, database_options());
    if (!db) return 2;
    if (const int result = before(*db, journal); result != 0) return result;
    watch.begin();
    const int result = deeds(*db, journal);
    watch.end();
    return result;
  };
}

// A victim whose section begins with the opening.
auto victim_that_opens(const Deeds& deeds) {
  return [deeds](const std::string& path, Journal& journal, StoreWatch& watch) {
    watch.begin();
    Result<Db> db = Db::open(path, database_options());
    const int result = db ? deeds(*db, journal) : 2;
    watch.end();
    return result;
  };
}

Deeds writes(std::vector<Deed> deeds, Durability durability = Durability::kProcess) {
  return [deeds = std::move(deeds), durability](Db& db, Journal& journal) {
    for (const Deed deed : deeds) {
      if (!write(db, journal, deed, durability).ok()) return 3;
    }
    return 0;
  };
}

int flush(Db& db, Journal&) {
  return db.flush().ok() ? 0 : 4;
}

Deeds both(const Deeds& first, const Deeds& second) {
  return [first, second](Db& db, Journal& journal) {
    const int result = first(db, journal);
    return result != 0 ? result : second(db, journal);
  };
}

// Killed at a crash point while it does that.
Life killed_at(const char* point, const Deeds& deeds, std::uint64_t nth = 1) {
  return [=](const std::string& path, Journal& journal) {
    os::arm_crash_point(point, nth, SIGKILL);
    return with_database(deeds)(path, journal);
  };
}

const Deeds kSomeWrites = writes({Deed::kPut, Deed::kOverwrite, Deed::kBatch});
const Deeds kTwoTables = both(both(kSomeWrites, flush), both(kSomeWrites, flush));

void add_writes(std::vector<std::pair<std::string, Plot>>& plots) {
  const std::pair<const char*, Deeds> kinds[] = {
      {"put a new key", writes({Deed::kPut})},
      {"overwrite a key", writes({Deed::kOverwrite})},
      {"erase a key", writes({Deed::kErase})},
      {"write a batch", writes({Deed::kBatch})},
      {"write a batch durably", writes({Deed::kBatch}, Durability::kDurable)},
      {"write a large value", writes({Deed::kBig})},
      {"sync", [](Db& db, Journal&) { return db.sync().ok() ? 0 : 4; }},
  };
  for (const auto& [name, deeds] : kinds) {
    plots.push_back(
        {name, {.prepare = kSomeWrites, .victim = victim(deeds, writes({Deed::kPut}))}});
  }
  plots.push_back(
      {"put a new key, alone",
       {.others = Others::kDead, .prepare = kSomeWrites, .victim = victim(writes({Deed::kPut}))}});
  const Deeds fill = writes({Deed::kBig, Deed::kBig, Deed::kBig});
  plots.push_back({"prepare a spare log and arena",
                   {.victim = victim(writes({Deed::kBig}), writes({Deed::kBig}))}});
  plots.push_back({"roll, and flush", {.victim = victim(writes({Deed::kBig}), fill)}});
  plots.push_back({"roll, and flush, alone",
                   {.others = Others::kDead, .victim = victim(writes({Deed::kBig}), fill)}});
}

void add_jobs(std::vector<std::pair<std::string, Plot>>& plots) {
  const Deeds compact = [](Db& db, Journal&) { return db.compact().ok() ? 0 : 4; };
  plots.push_back({"flush", {.prepare = kSomeWrites, .victim = victim(flush)}});
  plots.push_back(
      {"flush, alone", {.others = Others::kDead, .prepare = kSomeWrites, .victim = victim(flush)}});
  plots.push_back({"compact", {.prepare = kTwoTables, .victim = victim(compact)}});
  plots.push_back({"compact, alone",
                   {.others = Others::kDead, .prepare = kTwoTables, .victim = victim(compact)}});
  plots.push_back({"flush, behind a half edit of the manifest",
                   {.prepare = kSomeWrites,
                    .dead_before = killed_at("manifest.appended", flush),
                    .victim = victim(flush, writes({Deed::kPut}))}});
  plots.push_back(
      {"compact, where the table half lags",
       {.prepare = kTwoTables,
        .dead_before = killed_at("install.durable_raised", both(writes({Deed::kPut}), flush)),
        .victim = victim(compact)}});
}

void add_openings(std::vector<std::pair<std::string, Plot>>& plots) {
  const Deeds close = [](Db& db, Journal&) { return db.close().ok() ? 0 : 5; };
  plots.push_back({"create, open and close",
                   {.others = Others::kDead, .prepare = {}, .victim = victim_that_opens(close)}});
  plots.push_back({"open and close, beside another",
                   {.prepare = kTwoTables, .victim = victim_that_opens(close)}});
  plots.push_back(
      {"open after all others died",
       {.others = Others::kDead, .prepare = kTwoTables, .victim = victim_that_opens(nothing)}});
  plots.push_back(
      {"open after all others closed",
       {.others = Others::kGone, .prepare = kTwoTables, .victim = victim_that_opens(nothing)}});
  plots.push_back(
      {"close as the last one",
       {.others = Others::kDead, .prepare = kTwoTables, .victim = victim(close, kSomeWrites)}});
  plots.push_back({"open, where the shared state is lost",
                   {.others = Others::kReplaced,
                    .prepare = both(kTwoTables, kSomeWrites),
                    .victim = victim_that_opens(writes({Deed::kBatch}))}});
  plots.push_back({"open after a death in the same",
                   {.others = Others::kReplaced,
                    .prepare = both(kTwoTables, kSomeWrites),
                    .dead_before = killed_at("rebuild.log_begun", nothing),
                    .victim = victim_that_opens(writes({Deed::kBatch}))}});
}

// Each inside the same half-applied batch, until the arena is used up.
int deaths_in_one_redo(const std::string& path, Journal& journal) {
  run_and_die(killed_at("commit.published", writes({Deed::kBig})), path, journal);
  for (int i = 0; i < 3; ++i) {
    run_and_die(killed_at("memtable.entry_filled", writes({Deed::kPut})), path, journal,
                Commit::kNever);
  }
  return 0;
}

// Its sync fails; it is told, and so is the shared state.
int failed_sync(const std::string& path, Journal& journal) {
  const Fault fault(os::SystemCall::kDataSync, {.error = EIO}, ".wal");
  return with_database(writes({Deed::kPut}, Durability::kDurable))(path, journal);
}

void add_recoveries(std::vector<std::pair<std::string, Plot>>& plots) {
  const Life in_commit = killed_at("commit.published", writes({Deed::kBatch}));
  const auto after = [&](const std::string& name, Life dead_before, const Deeds& deeds) {
    plots.push_back(
        {name,
         {.prepare = kSomeWrites, .dead_before = std::move(dead_before), .victim = victim(deeds)}});
  };
  after("redo a dead writer's batch, and write", in_commit, writes({Deed::kPut}));
  after(
      "redo after a death in the redo",
      [=](const std::string& path, Journal& journal) {
        run_and_die(in_commit, path, journal);
        run_and_die(killed_at("redo.inserted", writes({Deed::kErase})), path, journal,
                    Commit::kNever);
        return 0;
      },
      writes({Deed::kPut}));
  after("relieve those who wait for a dead writer", in_commit,
        [](Db& db, Journal&) { return db.relieve() ? 0 : 6; });
  after("redo where the arena is used up, and fill another", deaths_in_one_redo,
        writes({Deed::kPut}));
  after("sync after the leader's death",
        killed_at("sync.leading", writes({Deed::kPut}, Durability::kDurable)),
        writes({Deed::kPut}, Durability::kDurable));
  after("go on after a failed sync", failed_sync, writes({Deed::kPut}));
  plots.push_back({"redo, alone",
                   {.others = Others::kDead,
                    .prepare = kSomeWrites,
                    .dead_before = in_commit,
                    .victim = victim_that_opens(writes({Deed::kPut}))}});
}

TEST(DatabaseDeath, AfterAnyStoreLeavesAllOrNothing) {
  std::vector<std::pair<std::string, Plot>> plots;
  add_writes(plots);
  add_jobs(plots);
  add_openings(plots);
  add_recoveries(plots);
  std::vector<Section> sections;
  for (const auto& [name, plot] : plots) {
    // Where the queue file is laid out, each run takes a tenth of a second.
    const bool slow = plot.others == Others::kReplaced || !plot.prepare;
    sections.push_back(
        {name, [&plot = plot](Trial& trial) { return run(plot, trial); }, slow ? 20U : 40U});
  }
  die_after_every_store(sections, 550 / kLess);  // half of what it is
}

}  // namespace
}  // namespace tidelock::test
