#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tidelock/status.h"
#include "wal/format.h"

namespace tidelock::wal {

// A record that continued what lies before it. `payload` views the bytes the reader was given.
struct Record {
  std::uint64_t lsn = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t durable_lsn = 0;
  std::uint32_t operations = 0;
  std::span<const std::byte> payload{};
  Position end{};
};

// What lies where the records end. Which of these mean damage depends on what is known to have
// been on disk (replay.h): each is also what a process may leave that died while it appended.
enum class Stop : std::uint8_t {
  kCleanEnd,   // zeroes, or the end of the bytes
  kTornTail,   // the beginning of something, cut off
  kBadHeader,  // not a record header, a damaged one, or one of another place
  kBadChain,   // a whole header, of which the payload or the records before are not what it saw
};
[[nodiscard]] const char* to_string(Stop stop) noexcept;

// Reads records one by one from bytes in memory, trusting none of them: what it yields lies within
// the bytes, and continues `start` without a gap.
//
// Mapped bytes of a log that others append to are fine below E, as committed bytes never change.
// Beyond, or where a file may be truncated by somebody, give it a copy (see log_file.h).
class RecordReader {
 public:
  // `bytes` begin at `start.lsn`. They must outlive the reader and the records it yields.
  RecordReader(std::span<const std::byte> bytes, const Position& start, const Uuid& uuid)
      : bytes_(bytes), position_(start), uuid_(uuid) {}

  // False at the first bytes that are no continuation; `stop` says what they are.
  [[nodiscard]] bool next();
  [[nodiscard]] const Record& record() const noexcept { return record_; }
  // The end of the last record that was read.
  [[nodiscard]] const Position& position() const noexcept { return position_; }
  // After `next` returned false.
  [[nodiscard]] Stop stop() const noexcept { return stop_; }

 private:
  bool stop_at(Stop stop);

  std::span<const std::byte> bytes_;  // from position_ on
  Position position_;
  Uuid uuid_;
  Record record_;
  Stop stop_ = Stop::kCleanEnd;
};

// The header at the front of `bytes`, if some writer of this database wrote these bytes as one,
// wherever that was.
[[nodiscard]] std::optional<RecordHeader> genuine_header(std::span<const std::byte> bytes,
                                                         const Uuid& uuid);

// The highest position that any record header says was durable, whether or not its record continues
// anything; 0 if none does. It stays true whatever happened to the record that says so.
//
// Looks at every place in `bytes` where a record may begin. With `lsn` (that of the first byte)
// only headers that name their own place count; without, when the log's header is lost, all do.
[[nodiscard]] std::uint64_t claimed_durable(std::span<const std::byte> bytes,
                                            std::optional<std::uint64_t> lsn, const Uuid& uuid);

}  // namespace tidelock::wal
