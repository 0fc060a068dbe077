#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "damage/sample.h"

// Work on damaged databases, done in child processes: a crash or a hang is theirs.
namespace tidelock::test {

// With TIDELOCK_LONG set, as tools/soak does, much more is tried.
[[nodiscard]] bool is_long();

// What became of one piece of work.
enum class Outcome : std::uint8_t {
  kNotReached = 0,
  kSame,       // everything was answered, and rightly
  kReported,   // some was not, with kCorruption naming file and place
  kRefused,    // an error of another kind, where one is allowed
  kViolation,  // anything else
  kCrashed,
  kHung,
};

// One piece: its outcome, and words about what is wrong with it.
struct Verdict {
  Outcome outcome = Outcome::kNotReached;
  std::string text;
};

struct Tally {
  std::uint64_t counts[7] = {};
  std::vector<std::string> faults;  // violations, crashes, hangs; the first few
  [[nodiscard]] std::uint64_t of(Outcome outcome) const {
    return counts[static_cast<std::size_t>(outcome)];
  }
  [[nodiscard]] std::uint64_t all() const;
};

// Calls `work(child, i)` for i from 0 to `count` - 1 in some child processes, each i in one of
// them; `child` numbers them, for directories of their own. `name(i)` is for messages. No piece may
// take longer than five seconds.
[[nodiscard]] Tally run_in_children(std::size_t count,
                                    const std::function<Verdict(int child, std::size_t i)>& work,
                                    const std::function<std::string(std::size_t i)>& name);

inline constexpr int kChildren = 2;

// Reads everything in every way and compares: kSame, kReported if all that is wrong is said with
// one of `names`, else kViolation. If answers are missing `Db::check` must find why.
struct ReadRequest {
  const Sample& sample;
  std::string directory;
  std::vector<std::string> names;  // of the damaged files
  bool read_write = false;         // rebuilds, writes to it too, and reads again
};
[[nodiscard]] Verdict read_all(const ReadRequest& request);

// Repairs into `into`, which is removed again, and compares: what is saved is true, or excused by a
// finding. `differences`: keys that are not as they were.
[[nodiscard]] Verdict repair_all(const Sample& sample, const std::string& directory,
                                 const std::string& into, std::size_t& differences);

}  // namespace tidelock::test
