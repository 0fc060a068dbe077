#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tidelock/status.h"
#include "wal/format.h"
#include "wal/log_file.h"
#include "wal/operation.h"

// Copying a record behind the end of a log. For the holder of the writer lock.
//
// An append commits nothing. The commit is the caller's store of the returned position into the
// shared state; until then the record does not exist, and the next append, by whoever holds the
// lock then, goes to the same place. What a death leaves:
//
// W1. At any instruction of an append: bytes behind the end. Whatever they are, the next record is
//     written over their beginning, and what is left of them behind it does not continue its chain.
// W2. After the append and before the commit: a whole record. While the shared state lives it does
//     not exist either. When that state is rebuilt from the logs, replay may take it up: nobody was
//     told that it failed, and nothing was committed after it in this log.
// W3. An error is as a death: bytes behind the end that nobody looks at.
namespace tidelock::wal {

// How the bytes reach the file, rule C8: a store into the mapping costs 10 ns and a system call
// 640, but a mapped store may have to wait for a sync in progress, and kills the process where the
// file system cannot keep a reserved block for it (os::mapped_stores_may_fail).
enum class Via : std::uint8_t {
  kMapping,  // as kWrite if the log is not mapped
  kWrite,
};

struct AppendOptions {
  std::uint64_t durable_lsn = 0;  // D as known now
  Via via = Via::kWrite;
};

// Operations of one record.
struct EncodedOperations {
  std::span<const std::byte> payload{};
  std::uint32_t count = 0;
};

// Copies one record behind `end` and yields the position behind it. `end`, and what it is compared
// with, comes from shared memory and is not trusted. Does not block, other than on the file system.
//
// kLimit: it does not fit (LogFile::fits). kTooLarge: more than kPayloadSizeMax bytes. kInvalid: no
// operations. kCorruption: `end` is no position of this log, or below `durable_lsn`. Else what the
// write call says. Nothing is committed, in any case.
[[nodiscard]] Result<Position> append(LogFile& log, const Position& end,
                                      const EncodedOperations& operations,
                                      const AppendOptions& options);

// The same for one operation, encoded in its place.
[[nodiscard]] Result<Position> append(LogFile& log, const Position& end, const Operation& operation,
                                      const AppendOptions& options);

}  // namespace tidelock::wal
