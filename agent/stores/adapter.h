#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/stores/store.h"

// What the adapters of other stores have in common.
namespace tidelock::agent {

// Those that can be given memory get the same: for pages or blocks, and for what is not written to
// tables yet (as much as a memtable of Tidelock).
inline constexpr std::size_t kCacheSize = std::size_t{64} << 20;
inline constexpr std::size_t kWriteBufferSize = std::size_t{64} << 20;
inline constexpr int kBloomBits = 10;  // a key

// Which store lies where: part of every message.
struct Site {
  std::string store;
  std::string directory;

  [[nodiscard]] std::string file(std::string_view name) const;
  [[nodiscard]] Status failure(StatusCode code, std::string_view operation,
                               std::string_view cause) const;
  // There is hardly any room left on the file system.
  [[nodiscard]] bool is_full() const;
};

// Makes the directory, or finds that it is there. A file STORE in it names the store that it
// belongs to: some take the files of another one for their own, and remove what they do not know.
[[nodiscard]] Result<Site> enter(std::string_view store, const StoreOptions& options);

// Tidelock's own directory has no such file. An error if this is one of another store.
[[nodiscard]] Status refuse_another_store(const std::string& directory);

// By a walk over all of them.
[[nodiscard]] Result<Inspection> count_entries(Store& store);

// What errno means to the caller.
[[nodiscard]] StatusCode code_of_errno(int error) noexcept;

}  // namespace tidelock::agent
