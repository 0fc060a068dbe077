#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tidelock/status.h"
#include "wal/format.h"
#include "wal/reader.h"
#include "wal/replay.h"

namespace tidelock::wal {

// Bytes of a log whose records are lost.
struct LogGap {
  std::uint64_t from = 0;  // in the file
  std::uint64_t to = 0;
  // Sequence numbers of the operations that were there: above `after`, below `before`.
  std::uint64_t after = 0;
  std::optional<std::uint64_t> before{};
};

// Where the log that continues this one begins.
struct LogLimit {
  std::uint64_t lsn = 0;
  std::uint64_t last_sequence = 0;
};

// What is left of one log.
struct SalvagedLog {
  std::uint64_t number = 0;   // as its header has it, if that is sound; else as the file's name
  bool header_sound = false;  // else its fields were guessed from what is known
  std::optional<LogHeader> header{};
  std::vector<Record> records;  // ascending; they view the bytes given
  std::vector<LogGap> gaps;
  std::uint64_t end_lsn = 0;  // behind the last record that is or was there
  // The highest position that any record header in place says was durable.
  std::uint64_t durable_lsn = 0;
};

// The records of a log, those behind damage too. A record is taken only if the chain proves it: the
// value before it, which the record before holds though its payload may be lost, or the record
// behind it. So none is taken that was changed, and none that lies elsewhere than it was written.
//
// What a dead writer left behind the log's end may be whole (see P1 in replay.h); with a limit
// nothing behind it is taken. Gaps end where records go on, or at the limit: bytes at the end that
// are no records, where nothing says that there were any, are none.
[[nodiscard]] SalvagedLog salvage(const Log& log, const Uuid& uuid,
                                  const std::optional<LogLimit>& limit);

}  // namespace tidelock::wal
