#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tidelock/status.h"
#include "wal/format.h"
#include "wal/reader.h"

// Which records of a directory's logs exist: the one place that decides it, for recovery and for
// readers without shared state (rule C9). A function of bytes; it writes nothing.
//
// P1. What is replayed is a prefix of what was committed, whole records only. One more may follow:
//     a record that was copied whole by a writer that died before its commit.
// P2. A log continues another if it names its number, and its base is a position of that log with
//     the same sequence number and chain value. There the other ends: what its file holds behind
//     is a dead writer's.
// P3. Only a log that holds a record, is sealed, or leads on to such a log ends another. A header
//     alone may be that of a roll that died before it was published, and the log before it may
//     have gone on.
// P4. An end below a position that was once durable, or not passing a seal, is damage.
//     Below no such position, a bad record is what a power cut leaves.
namespace tidelock::wal {

// A log file, whole, in memory.
struct Log {
  std::uint64_t number = 0;  // as the file's name says
  std::string name;          // for messages
  std::span<const std::byte> bytes;
};

// Written when the last process closed in good order: everything up to here was on disk.
struct Seal {
  std::uint64_t number = 0;  // of the log
  std::uint64_t lsn = 0;     // where it ended
  std::uint64_t chain = 0;
};

struct ReplayRequest {
  Uuid uuid{};
  std::uint64_t oldest = 0;  // number of the oldest log needed; older ones are passed over
  std::string oldest_name{};  // of its file, for messages, as it may be missing
  // Where that log begins, as the manifest says: what lies before is in tables. Its chain value is
  // not compared, only passed on where there is no log.
  Position start{};
  std::optional<Seal> seal{};  // of a log older than `oldest`: passed over
};

struct Replayed {
  std::vector<std::uint64_t> logs;  // those that were followed, ascending; empty: there is none
  std::uint64_t salt = 0;           // of the last of them
  Position end;                     // a new log begins here, with that log as its predecessor
  std::uint64_t records = 0;
  Stop stop = Stop::kCleanEnd;  // what lies at the end
};

// Called for each record in order, with its log's number. An error ends the replay.
using RecordCallback = std::function<Status(std::uint64_t number, const Record& record)>;

// `logs` ascend by number, with gaps if need be. Records are passed on before the end is known:
// after an error the caller throws away what it made of them.
//
// kCorruption names file and offset: damage as P4 says, a log of another database, records that
// begin elsewhere than the manifest says. kUnsupported: a log of a newer format. While others
// append, the logs' bytes may be older the lower the number; load the highest number first, and
// believe kCorruption only when a second load, with the same salts, says it again.
[[nodiscard]] Result<Replayed> replay(std::span<const Log> logs, const ReplayRequest& request,
                                      const RecordCallback& on_record);

}  // namespace tidelock::wal
