#include "lsm/new_memtable.h"

#include <algorithm>
#include <utility>

#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"
#include "wal/format.h"

namespace tidelock::lsm {

namespace {

constexpr std::uint64_t kGranularity = 0x10000;  // the largest page size
// What a batch may take of an ordinary memtable before it gets one of its own.
constexpr std::uint64_t kShareMax = 4;

std::uint64_t round_up(std::uint64_t size) {
  return (size + kGranularity - 1) / kGranularity * kGranularity;
}

}  // namespace

MemtableSizes ordinary_sizes(const manifest::CreationOptions& options) {
  const std::uint64_t size = round_up(options.memtable_size);
  return {.log = size, .arena = size};
}

MemtableSizes sizes_for(const manifest::CreationOptions& options, std::uint64_t payload_size,
                        const memtable::Demand& demand) {
  const MemtableSizes ordinary = ordinary_sizes(options);
  const std::uint64_t log = wal::kHeaderSize + wal::record_size(payload_size);
  const std::uint64_t arena = demand.fresh_arena_bytes();
  if (log <= ordinary.log / kShareMax && arena <= ordinary.arena / kShareMax) return ordinary;
  return {.log = std::max(ordinary.log, round_up(log)),
          .arena = std::max(ordinary.arena, round_up(arena))};
}

Result<NewArena> make_arena(const Context& context, std::uint64_t number, std::uint64_t size) {
  const std::string path = state::file_path(context.directory, state::FileKind::kArena, number);
  Result<os::File> file = os::File::create(path, context.ownership());
  if (!file) return file.error();
  const auto make = [&]() -> Result<NewArena> {
    if (Status status = file->reserve_for_stores(size); !status.ok()) return status;
    Result<os::FileIdentity> identity = file->identity();
    if (!identity) return identity.error();
    Result<os::Mapping> mapping = os::Mapping::map(*file, size, os::Protection::kReadWrite);
    if (!mapping) return mapping.error();
    const std::uint64_t nonce = os::random_u64();
    if (Status status = memtable::format(mapping->bytes(), number, nonce); !status.ok()) {
      return status;
    }
    auto writer = memtable::MemtableWriter::attach(mapping->bytes(), number, nonce);
    if (!writer) return writer.error();
    return NewArena{nonce, identity->inode, std::move(*mapping), *writer};
  };
  Result<NewArena> arena = make();
  if (!arena) os::unlink_made(*file);
  return arena;
}

Result<os::File> make_log(const Context& context, std::uint64_t number, std::uint64_t size) {
  const std::string path = state::file_path(context.directory, state::FileKind::kLog, number);
  Result<os::File> file = os::File::create(path, context.ownership());
  if (!file) return file;
  if (Status status = file->allocate(size); !status.ok()) {
    os::unlink_made(*file);
    return status;
  }
  return file;
}

}  // namespace tidelock::lsm
