#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

// How a call ended. No function of this library throws; each returns a `Status` or a `Result<T>`,
// and both are [[nodiscard]]. Only where there is no memory, std::bad_alloc leaves the call: what
// it was about is then done, whole, or not, and the handle can still be used.
namespace tidelock {

// Each code asks something different of the caller. Persisted nowhere; still, never renumber.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kBusy = 1,          // not waited for (fail-fast), nothing changed; try again. See `Status::busy`.
  kTimedOut = 2,      // the deadline passed, nothing changed. See `Status::busy`.
  kNotFound = 3,      // there is no database (or file) at that path
  kExists = 4,        // there is one already, and the caller asked to create it
  kCorruption = 5,    // damaged bytes; the message names file and offset
  kIo = 6,            // the kernel refused; the message names operation, path and errno
  kNoSpace = 7,       // disk, quota or file size limit; works again once there is room
  kPermission = 8,    // the directory or a file of it may not be used by this user
  kInvalid = 9,       // an argument or an option makes no sense here
  kTooLarge = 10,     // key, value or batch beyond its limit
  kUnsupported = 11,  // a newer or foreign format, an unsuitable file system or kernel
  kNotDurable = 12,   // committed, visible to all; whether it survives a power cut is unknown
  kReadOnly = 13,     // a write through a read-only handle
  kForked = 14,       // the handle belongs to the parent of this process: open anew after fork
  kClosed = 15,       // the handle, or the handle behind this view, was closed
  kLimit = 16,        // a documented limit is used up (member slots, mappings, descriptors, memory)
};

// The code's name as it stands above without the k, in lower-case words: "not found".
[[nodiscard]] const char* to_string(StatusCode code) noexcept;

// What stood in the way of a call that ended kBusy or kTimedOut.
enum class BusyReason : std::uint8_t {
  kWriterLock = 0,  // another attachment holds the lock
  kWriteStall = 1,  // flush or compaction lags behind; writers are held back
  kOpen = 3,        // another process is rebuilding the shared state
};

// Facts about the holder are read without a lock and may be a moment old; `pid` is for people, it
// may belong to another pid namespace and is never used to decide anything.
struct BusyInfo {
  BusyReason reason = BusyReason::kWriterLock;
  std::int32_t holder_pid = 0;           // 0: not known
  std::string holder_label;              // the label its process gave, by default its name
  std::chrono::nanoseconds held_for{0};  // 0: not known
  std::uint32_t queue_place = 0;         // 1 = next; 0 = this call did not queue
  std::uint32_t waiters = 0;             // how many wait, this call included if it queued
};

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // kOk
  Status(StatusCode code, std::string message);
  Status(StatusCode code, std::string message, BusyInfo busy);

  [[nodiscard]] bool ok() const noexcept { return facts_ == nullptr; }
  [[nodiscard]] StatusCode code() const noexcept;
  // Operation, path and cause; empty when ok.
  [[nodiscard]] const std::string& message() const noexcept;
  // Non-null when the code is kBusy or kTimedOut and somebody stood in the way.
  [[nodiscard]] const BusyInfo* busy() const noexcept;
  // "corruption: read 000007.sst at 4096: ...", or "ok".
  [[nodiscard]] std::string to_string() const;

 private:
  struct Facts;
  std::shared_ptr<const Facts> facts_;
};

// A value or the status that explains why there is none. Member names are std::expected's.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Precondition: has_value().
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }

  // Precondition: !has_value().
  [[nodiscard]] const Status& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Status&& error() && { return std::get<1>(std::move(state_)); }
  // kOk when there is a value.
  [[nodiscard]] Status status() const { return has_value() ? Status() : error(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace tidelock
