#include "wal/log_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include "os/crash_point.h"
#include "os/error.h"

namespace tidelock::wal {

namespace {

constexpr std::uint64_t kLogSizeMax = kHeaderSize + 2 * kPayloadSizeMax;

Status refuse(StatusCode code, const os::File& file, const std::string& what) {
  return Status(code, "open log " + file.path() + ": " + what);
}

// The file's length, if a log can live in it.
Result<std::uint64_t> capacity_of(const os::File& file, const std::optional<os::Mapping>& mapping) {
  Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  if (*size < kHeaderSize || *size > kLogSizeMax) {
    return refuse(StatusCode::kCorruption, file,
                  "no log has a length of " + std::to_string(*size) + " bytes");
  }
  if (mapping && mapping->bytes().size() != *size) {
    return refuse(StatusCode::kInvalid, file, "the mapping is not of the whole file");
  }
  return size;
}

}  // namespace

LogFile::LogFile(os::File file, std::optional<os::Mapping> mapping, const LogHeader& header,
                 std::uint64_t capacity)
    : file_(std::move(file)), mapping_(std::move(mapping)), header_(header), capacity_(capacity) {}

Result<LogFile> LogFile::begin(os::File file, std::optional<os::Mapping> mapping,
                               const LogHeader& header) {
  const Result<std::uint64_t> capacity = capacity_of(file, mapping);
  if (!capacity) return capacity.error();
  const EncodedLogHeader encoded = encode(header);
  if (Status status = file.write(0, std::as_bytes(std::span(&encoded, 1))); !status.ok()) {
    return status;
  }
  TIDELOCK_CRASH_POINT("wal.header_written");
  return LogFile(std::move(file), std::move(mapping), header, *capacity);
}

Status LogFile::rewrite_header() {
  const EncodedLogHeader encoded = encode(header_);
  return file_.write(0, std::as_bytes(std::span(&encoded, 1)));
}

Result<LogFile> LogFile::open(os::File file, std::optional<os::Mapping> mapping,
                              std::uint64_t number, const Uuid& uuid) {
  const Result<std::uint64_t> capacity = capacity_of(file, mapping);
  if (!capacity) return capacity.error();
  std::array<std::byte, sizeof(EncodedLogHeader)> bytes;
  if (Status status = file.read_exact(0, bytes); !status.ok()) return status;
  const Result<DecodedLogHeader> decoded = decode_log_header(bytes, number);
  if (!decoded) return decoded.error();
  if (decoded->state != HeaderState::kGood) {
    return refuse(StatusCode::kCorruption, file,
                  decoded->state == HeaderState::kEmpty ? "it has not begun" : "damaged header");
  }
  if (decoded->header.uuid != uuid) {
    return refuse(StatusCode::kCorruption, file, "it belongs to another database");
  }
  return LogFile(std::move(file), std::move(mapping), decoded->header, *capacity);
}

bool LogFile::contains(const Position& position) const noexcept {
  return position.lsn >= header_.base_lsn && position.lsn % kRecordAlignment == 0 &&
         position.lsn - header_.base_lsn <= capacity_ - kHeaderSize &&
         position.last_sequence >= header_.base_sequence && position.last_sequence < kNumberMax;
}

Result<std::vector<std::byte>> LogFile::read(std::uint64_t from_lsn, std::uint64_t to_lsn) const {
  const std::uint64_t room = capacity_ - kHeaderSize;
  if (from_lsn < header_.base_lsn || to_lsn < from_lsn || to_lsn - header_.base_lsn > room) {
    return Status(StatusCode::kCorruption, "read log " + file_.path() + ": positions " +
                                               std::to_string(from_lsn) + " to " +
                                               std::to_string(to_lsn) + " are not within it");
  }
  std::vector<std::byte> bytes(to_lsn - from_lsn);
  if (Status status = file_.read_exact(offset_of(from_lsn), bytes); !status.ok()) return status;
  return bytes;
}

Result<LogBytes> LogBytes::load(const os::File& file) {
  const Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  if (*size > kLogSizeMax) {
    return refuse(StatusCode::kCorruption, file,
                  "no log has a length of " + std::to_string(*size) + " bytes");
  }
  LogBytes log;
  log.data_.reset(new (std::nothrow) std::byte[*size]);
  if (log.data_ == nullptr) {
    return os::error_status(ENOMEM, "read the whole of", file.path());
  }
  const Result<std::size_t> count = file.read(0, {log.data_.get(), *size});
  if (!count) return count.error();
  log.size_ = *count;
  return log;
}

}  // namespace tidelock::wal
