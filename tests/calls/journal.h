#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tidelock/db.h"

namespace tidelock::test {

// What was written, kept where no death reaches. Rounds are written one after the other, each a
// batch whose operations follow from its number.
struct Journal {
  static constexpr int kRoundsMax = 512;
  enum class Fate : std::uint8_t {
    kUnknown,  // begun, and not known to have ended
    kThere,
    kNotThere,
  };
  enum class Phase : std::uint8_t { kInUse, kBeingRepaired, kBeingDestroyed, kDestroyed };

  std::atomic<int> begun{0};
  std::atomic<Fate> fates[kRoundsMax];
  std::atomic<std::uint32_t> fillers[kRoundsMax];  // bytes of one more entry
  std::atomic<Phase> phase{Phase::kInUse};
  bool syncs_may_fail = false;  // so that the log may have to go to tables first

  void copy(const Journal& other);
};

// Keys that begin so are not of the journal.
inline constexpr char kOutsideOfJournal[] = "~";
// A filler that says that the entry is erased.
inline constexpr std::size_t kEraseFiller = 1;

// Writes the journal's next round.
[[nodiscard]] Status write_round(Db& db, Journal& journal, Durability durability,
                                 std::size_t filler = 0);
// What of all that the handle sees is not as the journal says. Rounds of unknown fate are settled
// by it. Nothing, and an error in `status`, where it cannot be read.
[[nodiscard]] std::string compare(Db& db, Journal& journal, Status& status);

}  // namespace tidelock::test
