#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "power/disk.h"
#include "power/history.h"
#include "power/left_over.h"
#include "support/random.h"
#include "tidelock/db.h"

namespace tidelock::test {

inline constexpr std::uint64_t kValueSeed = 1;

// What was exercised, counted by all workers; in memory that they share.
struct Totals {
  std::atomic<std::uint64_t> next_run{0};
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> states{0};
  std::atomic<std::uint64_t> in_recovery{0};  // of them: cut in the recovery from a cut
  std::atomic<std::uint64_t> read_only{0};
  std::atomic<std::uint64_t> recorded{0};  // opened to write, and cut again
  std::atomic<std::uint64_t> lost_directory{0};
  std::atomic<std::uint64_t> lost_sectors{0};
  std::atomic<std::uint64_t> old_lengths{0};
  std::atomic<std::uint64_t> old_names{0};
  std::atomic<std::uint64_t> beyond{0};  // held commits that nobody had called durable
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> kills{0};
  std::atomic<std::uint64_t> faults{0};
  std::atomic_flag failed;
  char failure[4096] = {};

  // Only the first one is kept. True: this was it.
  bool fail(const std::string& problem);
};

// One life of a database, from a boot to a power cut.
struct Life {
  const History& history;
  const Image& start;  // on disk when it began
  const LeftOver& left_over;
  std::size_t memtable_size;
};

// Moments of it at which to cut the power, ascending: anywhere, or close to something that is not
// an append.
std::vector<std::uint64_t> random_cuts(Recording& recording, std::size_t count, Random& random);

// Opens crash states, and those of each recovery from one.
class Examiner {
 public:
  struct Setting {
    std::string scratch;  // a directory for the states
    std::size_t depth;    // how many cuts one after another
    char* under_way;      // what is being examined, for the account of its death; kNoteSize bytes
  };
  static constexpr std::size_t kNoteSize = 128;

  Examiner(Totals& totals, Setting setting);

  // All of these cuts, which ascend.
  void examine_cuts(const Life& life, const std::vector<std::uint64_t>& cuts, Random& random) {
    examine_cuts(life, cuts, 0, random);
  }

 private:
  enum class Way : std::uint8_t { kRead, kGoOn, kCutAgain };
  struct Case {
    const Life& life;
    const CrashState& state;
    std::uint64_t cut;
    std::size_t depth;  // cuts before this one
    Way way;
  };

  void examine_cuts(const Life& life, const std::vector<std::uint64_t>& cuts, std::size_t depth,
                    Random& random);
  void note(const Case& one);
  [[nodiscard]] Way any_way(std::size_t depth, Random& random) const;
  void examine(const Case& one, Random& random);
  std::string read_only(const Case& one, Random& random);
  std::string live_on(const Case& one, Random& random);
  std::string look(Db& db, const Case& one, History* next);
  void report(const Case& one, const std::string& problem);

  Totals& totals_;
  Setting setting_;
  std::vector<std::unique_ptr<History>>
      lives_;  // of the cut states that are gone on with, by depth
};

// What hinders reading it all.
std::string read_all(Db& db, std::map<std::string, std::string>& found);
// What `check` finds.
std::string find_problem(Db& db);

}  // namespace tidelock::test
