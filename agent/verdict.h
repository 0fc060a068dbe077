#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/journal.h"
#include "agent/workload/value.h"

namespace tidelock::agent {

// The journals of one run, and how its values look: what is needed to understand a value.
struct Evidence {
  std::span<const Journal> journals;  // by writer
  std::uint32_t run = 0;
  const ValueShape* values = nullptr;
};

// What somebody read for a key, and which operation that is.
struct Finding {
  enum class Kind : std::uint8_t {
    kNothing = 0,     // the key is absent
    kForeign = 1,     // a value that no writer of this run made
    kOperation = 2,   // the whole value of the put `stamp` names
    kImpossible = 3,  // claims to be of this run, but no operation wrote these bytes to this key
    kSomething = 4,   // the key is there; nobody asked for its value
  };
  Kind kind = Kind::kNothing;
  Stamp stamp{};          // of kOperation and kImpossible
  Operation operation{};  // of kOperation
};

// What is known of the writes to one key at some moment.
struct KeyFacts {
  // The latest begin among its acknowledged writes; 0 if there is none.
  std::uint64_t newest_begin_ns = 0;
  // The latest moment at which an erase of it may have taken effect; 0 if there is none.
  std::uint64_t latest_erase_ns = 0;
  // The same, the latest begin of the erases alone, the latest moment of a put. Only for
  // kSomething.
  std::uint64_t newest_erase_begin_ns = 0;
  std::uint64_t latest_put_ns = 0;
};

// A read of a key is sound if a linear order of the writes explains it, one that honours real
// time. Let B be the latest begin of a write that was acknowledged before the read began. A write
// that ended before B came before that acknowledged one in every such order, so the read must not
// show it any more:
//   a value    is stale if its put ended before B; a put in flight has no end yet;
//   no value   is stale if every erase of the key ended before B, or there was none;
//   a value from before the run is stale if B exists at all;
//   a key that is there, whatever its value, is stale if every put of it ended before the latest
//              begin of an erase that was acknowledged before the read began.
// A value of a refused put, or one that no put wrote, is impossible at any time.
enum class Verdict : std::uint8_t { kSound = 0, kStale = 1, kImpossible = 2 };

[[nodiscard]] Finding interpret(std::uint32_t key, std::optional<std::string_view> value,
                                const Evidence& evidence) noexcept;

// `facts` must hold of the moment before the read began, except that the latest erase and
// put may also be later ones: that only makes the verdict milder.
[[nodiscard]] Verdict judge(const Finding& finding, const KeyFacts& facts) noexcept;

}  // namespace tidelock::agent
