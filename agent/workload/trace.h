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
//   seconds since the start of the run, client, action, key, amount
//
// Keys are as they are but for \t, \n and \\. The amount is the bytes of a value, the entries of a
// scan, the operations of a batch, else 0. Lines that begin with # are comments.
namespace tidelock::agent {

struct TraceEntry {
  std::uint64_t at_ns = 0;  // from the start of the run
  std::uint32_t client = 0;
  std::uint32_t key = 0;
  std::uint32_t amount = 0;
  Action action = Action::kGet;
};

// What one writer did, noted when it was over. An EntryFile, with its rules.
class TraceLog {
 public:
  [[nodiscard]] static Result<TraceLog> create(const std::string& directory,
                                               std::size_t reserved = EntryFile::kReserved);
  [[nodiscard]] Status add(const TraceEntry& entry);
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

struct Trace {
  // kNotFound, kIo; kInvalid names the line that is none of a trace.
  [[nodiscard]] static Result<Trace> read(const std::string& path);

  std::vector<std::string> keys;                 // by index, each once
  std::vector<std::vector<TraceEntry>> clients;  // what each did, in order
  std::uint32_t largest_amount = 0;              // no value is larger
};

}  // namespace tidelock::agent
