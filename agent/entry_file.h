#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/shared_mapping.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// A file of entries of one size that only grows, outside the database, mapped by all clients: it
// outlives whoever writes it, and anybody may read it. It has no name, and so goes with the last
// process that has it: nobody need clean up.
//
// One writer at a time; when it is killed its successor goes on behind its last entry. Any number
// of readers. E1. An entry is filled before the count that covers it is raised.
class EntryFile {
 public:
  // Bytes of address space, of which files of all writers share what there is; more than a billion
  // entries.
  static constexpr std::size_t kReserved = std::size_t{1} << 36;
  [[nodiscard]] static constexpr std::size_t reserved_by_each(std::size_t files) noexcept {
    constexpr std::size_t kAll = std::size_t{1} << 46, kUnit = std::size_t{1} << 20;
    return files == 0 ? kReserved : std::min(kReserved, kAll / files / kUnit * kUnit);
  }

  // Entries are at most 64 bytes. Their bytes are zero at first.
  [[nodiscard]] static Result<EntryFile> create(const std::string& directory,
                                                std::size_t entry_size, std::size_t reserved);
  EntryFile(EntryFile&& other) noexcept;
  EntryFile& operator=(EntryFile&&) = delete;
  ~EntryFile();

  // So many may be written from now on. kNoSpace if the file cannot grow.
  [[nodiscard]] Status make_room(std::uint64_t entries);
  // They are all filled.
  void set_size(std::uint64_t entries) noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] std::byte* at(std::uint64_t index) const noexcept;

  // Copies what it holds to a file, which must not exist.
  [[nodiscard]] Status save(const std::string& path) const;

 private:
  EntryFile(int descriptor, SharedMapping mapping, std::size_t entry_size) noexcept;

  int descriptor_;
  SharedMapping mapping_;
  std::size_t entry_size_;
  std::uint64_t room_ = 0;  // entries that fit into the file; the writer's own knowledge
};

}  // namespace tidelock::agent
