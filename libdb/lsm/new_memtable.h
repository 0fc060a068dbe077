#pragma once

#include <cstdint>
#include <memory>

#include "lsm/context.h"
#include "memtable/memtable.h"
#include "os/file.h"
#include "os/mapping.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Sizes of a memtable's two files, in bytes.
struct MemtableSizes {
  std::uint64_t log = 0;
  std::uint64_t arena = 0;
};

// What the database's options give an ordinary memtable.
[[nodiscard]] MemtableSizes ordinary_sizes(const manifest::CreationOptions& options);
// Sizes for one operation or batch that an ordinary memtable does not take: ordinary otherwise.
[[nodiscard]] MemtableSizes sizes_for(const manifest::CreationOptions& options,
                                      std::uint64_t payload_size, const memtable::Demand& demand);

// Makes `number.mem`, reserved and formatted. kNoSpace leaves nothing behind.
struct NewArena {
  std::uint64_t nonce = 0;
  std::uint64_t inode = 0;
  os::Mapping mapping;
  memtable::MemtableWriter writer;
};
[[nodiscard]] Result<NewArena> make_arena(const Context& context, std::uint64_t number,
                                          std::uint64_t size);
// Makes `number.wal`, allocated and zero: an empty log, see wal::LogFile::begin.
[[nodiscard]] Result<os::File> make_log(const Context& context, std::uint64_t number,
                                        std::uint64_t size);

}  // namespace tidelock::lsm
