#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tidelock/status.h"

// A sequence of operations that says nothing of how a database is set up.
namespace tidelock::test {

inline constexpr int kSnapshots = 3;

struct Operation {
  // In groups, for who answers them: changes, reads, reads of snapshots, all else.
  enum class Kind : std::uint8_t {
    kPut,
    kErase,
    kBatch,
    kPutIf,
    kGet,
    kGetPinned,
    kExists,
    kNeighbours,    // min, max, above, below
    kWalk,          // some steps to and fro in a range
    kScan,          // all of it
    kDurableGet,    // sync, then a get of what is durable
    kTakeSnapshot,  // into `slot`
    kDropSnapshot,
    kGetOld,  // through `slot`, if it is taken
    kWalkOld,
    kFlush,
    kCompact,
    kRefresh,
    kUpkeep,
    kCheck,
    kRefused,  // a call that makes no sense, one of kRefusals
    kReopen,   // by the process whose turn it is, or as a setting says; all snapshots are dropped
  };
  Kind kind = Kind::kGet;
  std::uint8_t slot = 0;
  std::uint64_t draw = 0;  // whatever else there is to choose
  std::string key;
  std::string other;  // a second key; the beginning of keys
  std::string value;
  std::vector<Operation> parts;  // of a batch: puts and erases
};

inline constexpr Operation::Kind kLastChange = Operation::Kind::kPutIf;
inline constexpr Operation::Kind kLastRead = Operation::Kind::kDurableGet;
inline constexpr Operation::Kind kLastLookBack = Operation::Kind::kWalkOld;

// How calls that make no sense are answered: a key too long, two walks and a compaction that cannot
// be, a database to be made where there is one, options other than those it was made with.
inline constexpr std::array kRefusals = {StatusCode::kTooLarge, StatusCode::kInvalid,
                                         StatusCode::kInvalid, StatusCode::kExists,
                                         StatusCode::kInvalid};

using Trace = std::vector<Operation>;

[[nodiscard]] Trace make_trace(std::uint64_t seed, std::size_t length);

// For people.
[[nodiscard]] std::string shown(const Operation& operation);

}  // namespace tidelock::test
