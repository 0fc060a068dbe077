#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "damage/sample.h"

// What a damaged database may answer.
namespace tidelock::test {

// What became of one piece of work.
enum class Outcome : std::uint8_t {
  kNotReached = 0,
  kSame,       // everything was answered, and rightly
  kFound,      // so it was, and check found the damage
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

// Reads everything in every way and compares: kSame, kReported if all that is wrong is said with
// one of `names`, else kViolation. If answers are missing `Db::check` must find why; if none is it
// must find what is asked for.
enum class Finding : std::uint8_t {
  kNotAsked,  // answers suffice
  kNone,      // the damage means nothing
  kSome,
};
struct ReadRequest {
  const Sample& sample;
  std::string directory;
  std::vector<std::string> names;  // of the damaged files
  bool read_write = false;         // rebuilds, writes to it too, and reads again
  Finding finding = Finding::kNone;
};
[[nodiscard]] Verdict read_all(const ReadRequest& request);

// Repairs into `into`, which is removed again, and compares: what is saved is true, or excused by a
// finding. `differences`: keys that are not as they were.
[[nodiscard]] Verdict repair_all(const Sample& sample, const std::string& directory,
                                 const std::string& into, std::size_t& differences);

}  // namespace tidelock::test
