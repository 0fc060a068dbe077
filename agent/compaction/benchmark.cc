#include "agent/compaction/benchmark.h"

#include <filesystem>
#include <iostream>

#include "agent/clock.h"
#include "agent/report.h"

namespace tidelock::agent::compaction {
namespace {

namespace fs = std::filesystem;

// A database within the scope. Others open it between the calls.
class Site {
 public:
  Site(const Settings& settings, const char* name)
      : settings_(settings), directory_((fs::path(settings.directory) / name).string()) {}
  ~Site() {
    if (made_) (void)Db::destroy(directory_);
    if (parent_is_new_) {
      std::error_code ignored;
      fs::remove(settings_.directory, ignored);  // if it is empty
    }
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  Status make(bool compaction) {
    std::error_code error;
    parent_is_new_ = fs::create_directories(settings_.directory, error);
    if (error) {
      return Status(StatusCode::kIo, "create " + settings_.directory + ": " + error.message());
    }
    Options options{.mode = OpenMode::kCreate};
    options.fixed.memtable_size = settings_.memtable_size;
    options.fixed.compaction_style =
        compaction ? CompactionStyle::kLeveled : CompactionStyle::kManual;
    Result<Db> db = Db::open(directory_, options);
    if (!db) return db.error();
    made_ = true;
    return db->close();
  }

  template <typename Work>
  Status with_database(const Work& work) const {
    Result<Db> db = Db::open(directory_, {.background = Background::kNone});
    if (!db) return db.error();
    Status status = work(*db);
    if (Status closed = db->close(); status.ok()) status = std::move(closed);
    return status;
  }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

 private:
  const Settings& settings_;
  std::string directory_;
  bool made_ = false, parent_is_new_ = false;
};

Shape shape_of(const Stats& stats) {
  Shape shape{.disk_bytes = stats.disk_bytes,
              .table_bytes = 0,
              .tables = stats.tables.size(),
              .entries = 0,
              .blocks = {}};
  for (const TableStats& table : stats.tables) {
    shape.table_bytes += table.file_bytes;
    shape.entries += table.entries;
    shape.blocks.push_back(static_cast<double>(table.data_blocks));
  }
  return shape;
}

Result<Reading> take_reading(const Settings& settings, const Site& site, const Parent& parent) {
  Reading reading;
  Status status = site.with_database([&](Db& db) {
    if (Status flushed = db.flush(); !flushed.ok()) return flushed;
    const Result<Stats> stats = db.stats();
    if (!stats) return stats.error();
    reading.shape = shape_of(*stats);
    return Status();
  });
  if (!status.ok()) return status;
  Result<Phase> reads = read(settings, site.directory(), parent);
  if (!reads) return reads.error();
  reading.reads = *std::move(reads);
  return reading;
}

Result<Outcome> measure(const Settings& settings, bool compaction, const Parent& parent) {
  Site site(settings, compaction ? "on" : "off");
  if (Status status = site.make(compaction); !status.ok()) return status;
  Outcome outcome;
  outcome.compaction = compaction;
  Result<Phase> writes = write(settings, site.directory(), parent);
  if (!writes) return writes.error();
  outcome.writes = *std::move(writes);
  Result<Reading> before = take_reading(settings, site, parent);
  if (!before) return before.error();
  outcome.before = *std::move(before);
  if (compaction) return outcome;
  const std::uint64_t begin = now_ns();
  Status status = site.with_database([](Db& db) { return db.compact(); });
  outcome.compacting_s = static_cast<double>(now_ns() - begin) / 1e9;
  if (!status.ok()) return status;
  Result<Reading> after = take_reading(settings, site, parent);
  if (!after) return after.error();
  outcome.after = *std::move(after);
  return outcome;
}

}  // namespace

Result<std::vector<Outcome>> measure(const Settings& settings) {
  const Parent parent;
  std::vector<Outcome> outcomes;
  for (const bool compaction : {false, true}) {
    if (settings.which == (compaction ? Which::kOff : Which::kOn)) continue;
    std::cerr << "compaction " << (compaction ? "on" : "off") << ": writes and reads\n";
    Result<Outcome> outcome = measure(settings, compaction, parent);
    if (!outcome) return outcome.error();
    outcomes.push_back(*std::move(outcome));
  }
  return outcomes;
}

int run_compaction(const Settings& settings) {
  const Result<std::vector<Outcome>> outcomes = measure(settings);
  if (!outcomes) {
    std::cerr << "tidelock-agent: " << outcomes.error().to_string() << '\n';
    return static_cast<int>(exit_code(outcomes.error()));
  }
  (settings.json ? print_json : print_table)(std::cout, settings, *outcomes);
  return static_cast<int>(ExitCode::kGood);
}

}  // namespace tidelock::agent::compaction
