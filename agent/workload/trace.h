#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "agent/entry_file.h"
#include "agent/workload/action.h"
#include "agent/workload/key_space.h"
#include "tidelock/status.h"

// What clients did, in a file, to be done again. Text: a line for each operation, in the order of
// their times, its fields separated by tabs:
//
//   seconds since the start of the run, client, action, key, amount, "durable" or "-"
//
// Keys are as they are but for \t, \n and \\. The amount is the bytes of a value, the entries of a
// scan, else 0. That of a batch or a view, whose key says nothing, is how many steps it has; each
// of them is a line of this client's behind it, with the action +put, +delete or +get. The last
// field may be missing. Lines that begin with # are comments.
namespace tidelock::agent {

struct TraceEntry {
  std::uint64_t at_ns = 0;  // from the start of the run
  std::uint32_t client = 0;
  std::uint32_t key = 0;
  std::uint32_t amount = 0;
  Action action = Action::kGet;
  bool durable = false;
  bool step = false;  // of the batch or view before
};

// What one writer did, noted when it was over. An EntryFile, with its rules.
class TraceLog {
 public:
  [[nodiscard]] static Result<TraceLog> create(const std::string& directory,
                                               std::size_t reserved = EntryFile::kReserved);
  // An operation with its steps.
  [[nodiscard]] Status add(std::span<const TraceEntry> entries);
  [[nodiscard]] std::uint64_t size() const noexcept { return file_.size(); }
  // Precondition: index < size().
  [[nodiscard]] const TraceEntry& operator[](std::uint64_t index) const noexcept {
    return *reinterpret_cast<const TraceEntry*>(file_.at(index));
  }

 private:
  explicit TraceLog(EntryFile file) noexcept : file_(std::move(file)) {}
  EntryFile file_;
};

void write_trace(std::ostream& out, std::span<const TraceLog> logs, const KeySpace& keys);

// What one client did, in order.
class ClientTrace {
 public:
  void add(const TraceEntry& entry) {
    if (!entry.step) operations_.push_back(entries_.size());
    entries_.push_back(entry);
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return operations_.size(); }
  // An operation, and its steps. Precondition: index < size().
  [[nodiscard]] const TraceEntry& operator[](std::uint64_t index) const noexcept {
    return entries_[operations_[index]];
  }
  [[nodiscard]] std::span<const TraceEntry> steps(std::uint64_t index) const noexcept {
    const std::uint64_t end = index + 1 < size() ? operations_[index + 1] : entries_.size();
    return std::span(entries_).subspan(operations_[index] + 1, end - operations_[index] - 1);
  }
  [[nodiscard]] std::span<const TraceEntry> entries() const noexcept { return entries_; }

 private:
  std::vector<TraceEntry> entries_;
  std::vector<std::uint64_t> operations_;  // where each is among the entries
};

struct Trace {
  // kNotFound, kIo; kInvalid names the line that is none of a trace.
  [[nodiscard]] static Result<Trace> read(const std::string& path);

  // Of each key, the size of the first value that it gets; of one that gets none, the average.
  [[nodiscard]] std::vector<std::uint32_t> value_sizes() const;

  std::vector<std::string> keys;  // by index, each once
  std::vector<ClientTrace> clients;
  std::uint32_t largest_amount = 0;  // no value is larger
};

}  // namespace tidelock::agent
