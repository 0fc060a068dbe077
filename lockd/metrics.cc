#include "lockd/metrics.h"

#include <chrono>
#include <cstdio>
#include <functional>

#include "tidelock/version.h"

namespace tidelock::lockd {

namespace {

using Number = double;

// What a database has to say of one family; nothing if it cannot be told.
using Ask = std::function<std::optional<Number>(const DatabaseFacts&)>;

struct Family {
  const char* name;
  const char* type;
  const char* help;
  Ask ask;
};

template <typename Read>
Ask of_lock(Read read) {
  return [read](const DatabaseFacts& facts) -> std::optional<Number> {
    if (!facts.lock) return std::nullopt;
    return static_cast<Number>(read(*facts.lock));
  };
}

template <typename Value>
Ask of_stats(Value Stats::*value) {
  return [value](const DatabaseFacts& facts) -> std::optional<Number> {
    if (!facts.stats) return std::nullopt;
    return static_cast<Number>((*facts.stats).*value);
  };
}

Ask of_counts(std::atomic<std::uint64_t> KeeperCounts::*counter) {
  return [counter](const DatabaseFacts& facts) -> std::optional<Number> {
    return static_cast<Number>((facts.counts->*counter).load(std::memory_order_relaxed));
  };
}

std::size_t living(const LockInfo& info) {
  std::size_t count = 0;
  for (const LockMember& member : info.members) count += member.alive ? 1u : 0u;
  return count;
}

double held_seconds(const LockInfo& info) {
  return std::chrono::duration<double>(info.held_for).count();
}

double longest_wait_seconds(const LockInfo& info) {
  std::chrono::nanoseconds longest{0};
  for (const LockWaiter& waiter : info.waiters) longest = std::max(longest, waiter.waiting_for);
  return std::chrono::duration<double>(longest).count();
}

std::vector<Family> lock_families() {
  return {
      {"tidelock_lock_acquisitions_total", "counter", "Times the writer lock was taken.",
       of_lock([](const LockInfo& info) { return info.totals.acquired; })},
      {"tidelock_lock_hand_overs_total", "counter", "Times it was handed to its first waiter.",
       of_lock([](const LockInfo& info) { return info.totals.hand_overs; })},
      {"tidelock_lock_lapses_total", "counter", "Offers taken back from a dead or slow waiter.",
       of_lock([](const LockInfo& info) { return info.totals.lapses; })},
      {"tidelock_lock_recoveries_total", "counter", "Times it was taken from a dead holder.",
       of_lock([](const LockInfo& info) { return info.totals.recoveries; })},
      {"tidelock_lock_waiters", "gauge", "Who waits for the writer lock now.",
       of_lock([](const LockInfo& info) { return info.waiters.size(); })},
      {"tidelock_lock_longest_wait_seconds", "gauge", "How long the longest of them has waited.",
       of_lock(longest_wait_seconds)},
      {"tidelock_lock_held_seconds", "gauge", "For how long it is held now; 0 if it is free.",
       of_lock(held_seconds)},
      {"tidelock_members", "gauge", "Living read-write attachments, this daemon's included.",
       of_lock(living)},
  };
}

std::vector<Family> database_families() {
  return {
      {"tidelock_flushes_total", "counter", "Memtables written to tables, by anybody.",
       of_stats(&Stats::flushes)},
      {"tidelock_compactions_total", "counter", "Compactions, by anybody.",
       of_stats(&Stats::compactions)},
      {"tidelock_compaction_written_bytes_total", "counter", "Bytes that compactions wrote.",
       of_stats(&Stats::compaction_bytes_written)},
      {"tidelock_log_bytes_total", "counter", "Bytes of log since the database was created.",
       of_stats(&Stats::log_end)},
      {"tidelock_operations_total", "counter", "Number of the newest visible operation.",
       of_stats(&Stats::sequence)},
      {"tidelock_durable_operations_total", "counter", "Number of the newest durable operation.",
       of_stats(&Stats::durable_sequence)},
      {"tidelock_syncs_total", "counter", "Syncs of the log.", of_stats(&Stats::syncs)},
      {"tidelock_synced_commits_total", "counter", "Durable commits that they served.",
       of_stats(&Stats::synced_commits)},
      {"tidelock_write_stalls_total", "counter", "Writes held until a flush or compaction.",
       of_stats(&Stats::write_stalls)},
      {"tidelock_redos_total", "counter", "Commits of the dead that others finished.",
       of_stats(&Stats::redos)},
      {"tidelock_rolls_total", "counter", "Memtables sealed.", of_stats(&Stats::rolls)},
      {"tidelock_memtable_bytes", "gauge", "Used of the active memtable.",
       of_stats(&Stats::memtable_bytes)},
      {"tidelock_sealed_memtables", "gauge", "Memtables that wait to be flushed.",
       of_stats(&Stats::sealed_memtables)},
      {"tidelock_disk_bytes", "gauge", "Disk space of all files of the directory.",
       of_stats(&Stats::disk_bytes)},
  };
}

std::vector<Family> keeper_families() {
  return {
      {"tidelock_lockd_up", "gauge", "1 while this daemon has the database open.",
       [](const DatabaseFacts& facts) { return std::optional<Number>(facts.lock ? 1 : 0); }},
      {"tidelock_lockd_deaths_total", "counter", "Members seen to end without closing.",
       of_counts(&KeeperCounts::deaths)},
      {"tidelock_lockd_recoveries_total", "counter", "Locks this daemon took from the dead.",
       of_counts(&KeeperCounts::recoveries)},
      {"tidelock_lockd_flushes_total", "counter", "Flushes by this daemon.",
       of_counts(&KeeperCounts::flushes)},
      {"tidelock_lockd_compactions_total", "counter", "Compactions and moves of tables by it.",
       of_counts(&KeeperCounts::compactions)},
      {"tidelock_lockd_sweeps_total", "counter", "Sweeps of left-over files by it.",
       of_counts(&KeeperCounts::sweeps)},
      {"tidelock_lockd_failures_total", "counter", "What it could not do; see its log.",
       of_counts(&KeeperCounts::failures)},
      {"tidelock_lockd_held_long_warnings_total", "counter",
       "Holders that it warned of for holding the lock too long.",
       of_counts(&KeeperCounts::warnings)},
      {"tidelock_lockd_stuck_kills_total", "counter", "Stopped holders that it killed.",
       of_counts(&KeeperCounts::kills)},
  };
}

std::string show(Number number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

void open_family(std::string& out, const char* name, const char* type, const char* help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out.append(name).append(" ").append(type).append("\n");
}

void add_sample(std::string& out, const char* name, const std::string& labels, Number number) {
  out.append(name).append("{").append(labels).append("} ").append(show(number)).append("\n");
}

std::string database_label(const DatabaseFacts& facts) {
  return "database=\"" + escape_label(facts.directory) + "\"";
}

void add_level_family(std::string& out, const std::vector<DatabaseFacts>& databases,
                      const char* name, const char* help, std::uint64_t LevelStats::*value) {
  open_family(out, name, "gauge", help);
  for (const DatabaseFacts& facts : databases) {
    if (!facts.stats) continue;
    for (const LevelStats& level : facts.stats->levels) {
      const std::string labels =
          database_label(facts) + ",level=\"" + std::to_string(level.level) + "\"";
      add_sample(out, name, labels, static_cast<Number>(level.*value));
    }
  }
}

// How many bytes from `at` on are one well-formed character; 0 if none is.
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : length;
}

}  // namespace

std::string escape_label(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const std::string_view character = text.substr(at, std::max<std::size_t>(length, 1));
    if (length == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD
    } else if (character == "\n") {
      out += "\\n";
    } else if (character == "\\" || character == "\"") {
      out.append("\\").append(character);
    } else {
      out += character;
    }
    at += character.size();
  }
  return out;
}

DatabaseFacts gather(Keeper& keeper) {
  DatabaseFacts facts;
  facts.directory = keeper.directory();
  facts.counts = &keeper.counts();
  const std::shared_ptr<Db> database = keeper.database();
  if (database == nullptr) return facts;
  if (Result<LockInfo> info = database->lock_info()) facts.lock = std::move(*info);
  if (Result<Stats> stats = database->stats()) facts.stats = std::move(*stats);
  return facts;
}

std::string metrics_text(const std::vector<DatabaseFacts>& databases) {
  std::string out;
  open_family(out, "tidelock_lockd_build_info", "gauge", "Always 1; its version is a label.");
  add_sample(out, "tidelock_lockd_build_info",
             std::string("version=\"") + escape_label(version()) + "\"", 1);
  for (const auto& families : {keeper_families(), lock_families(), database_families()}) {
    for (const Family& family : families) {
      open_family(out, family.name, family.type, family.help);
      for (const DatabaseFacts& facts : databases) {
        const std::optional<Number> number = family.ask(facts);
        if (number) add_sample(out, family.name, database_label(facts), *number);
      }
    }
  }
  add_level_family(out, databases, "tidelock_tables", "Tables of a level.", &LevelStats::tables);
  add_level_family(out, databases, "tidelock_table_bytes", "Bytes of a level's tables.",
                   &LevelStats::bytes);
  return out;
}

}  // namespace tidelock::lockd
