#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/entry_file.h"
#include "agent/verdict.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// What a read found, in one word: no value, a value from before the run, or the put that made it.
class Sight {
 public:
  Sight() noexcept = default;  // nothing
  explicit Sight(const Finding& finding) noexcept
      : word_(finding.kind == Finding::Kind::kNothing   ? kNothing
              : finding.kind == Finding::Kind::kForeign ? kBefore
                                                        : put_word(finding.stamp)) {}

  [[nodiscard]] bool is_nothing() const noexcept { return word_ == kNothing; }
  [[nodiscard]] bool is_put() const noexcept { return word_ < kBefore; }
  // Preconditions: is_put().
  [[nodiscard]] std::uint32_t writer() const noexcept {
    return static_cast<std::uint32_t>(word_ >> kCounterBits);
  }
  [[nodiscard]] std::uint64_t counter() const noexcept {
    return word_ & ((std::uint64_t{1} << kCounterBits) - 1);
  }

 private:
  static constexpr unsigned kCounterBits = 48;  // as in a Stamp
  static constexpr std::uint64_t kNothing = UINT64_MAX, kBefore = UINT64_MAX - 1;
  static std::uint64_t put_word(const Stamp& stamp) noexcept {
    return std::uint64_t{stamp.writer} << kCounterBits | stamp.counter;
  }

  std::uint64_t word_ = kNothing;
};

// What one read told of one key. What is read of one snapshot, or in one walk, has one number, and
// the times of the call that fixed the point in the commit order which all of it sees.
struct Reading {
  static constexpr std::uint64_t kNoSequence = UINT64_MAX;

  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t sequence = kNoSequence;  // of the snapshot
  Sight sight;
  std::uint32_t key = 0;
  std::uint32_t point = 0;  // that number: which one of the log is the first reading of the point
};

// All that one writer read, noted when it had been read: a death leaves nothing half. An EntryFile,
// with its rules about writers and readers.
class ReadLog {
 public:
  [[nodiscard]] static Result<ReadLog> create(const std::string& directory,
                                              std::size_t reserved = EntryFile::kReserved) {
    static_assert(sizeof(Reading) == 40);
    Result<EntryFile> file = EntryFile::create(directory, sizeof(Reading), reserved);
    if (!file) return std::move(file).error();
    return ReadLog(*std::move(file));
  }

  [[nodiscard]] Status add(const Reading& reading) {
    const std::uint64_t index = size();
    if (Status status = file_.make_room(index + 1); !status.ok()) return status;
    *reinterpret_cast<Reading*>(file_.at(index)) = reading;
    file_.set_size(index + 1);
    return Status();
  }

  // Copies what it holds to a file, which must not exist.
  [[nodiscard]] Status save(const std::string& path) const { return file_.save(path); }

  [[nodiscard]] std::uint64_t size() const noexcept { return file_.size(); }
  // Precondition: index < size().
  [[nodiscard]] const Reading& operator[](std::uint64_t index) const noexcept {
    return *reinterpret_cast<const Reading*>(file_.at(index));
  }

 private:
  explicit ReadLog(EntryFile file) noexcept : file_(std::move(file)) {}
  EntryFile file_;
};

}  // namespace tidelock::agent
