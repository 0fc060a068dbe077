#include "memtable/entry.h"

#include <xxhash.h>

#include <cstring>
#include <new>

namespace tidelock::memtable {

std::uint32_t checksum_of(const Entry& entry) noexcept {
  const auto* from = reinterpret_cast<const std::byte*>(&entry) + offsetof(Entry, sequence);
  return static_cast<std::uint32_t>(XXH3_64bits(from, entry.size() - offsetof(Entry, sequence)));
}

Entry& write_entry(std::byte* memory, const Operation& operation, Ref older) noexcept {
  const std::size_t key_size = operation.key.size();
  const std::size_t value_size = operation.value.size();
  auto* entry = new (memory) Entry{.checksum = 0,
                                   .older = older,
                                   .sequence = operation.sequence,
                                   .value_size = static_cast<std::uint32_t>(value_size),
                                   .key_size = static_cast<std::uint16_t>(key_size),
                                   .kind = operation.kind,
                                   .reserved = 0};
  std::byte* out = memory + sizeof(Entry);
  if (key_size != 0) std::memcpy(out, operation.key.data(), key_size);
  if (value_size != 0) std::memcpy(out + key_size, operation.value.data(), value_size);
  const std::uint64_t used = sizeof(Entry) + key_size + value_size;
  std::memset(memory + used, 0, entry_bytes(key_size, value_size) - used);
  entry->checksum = checksum_of(*entry);
  return *entry;
}

}  // namespace tidelock::memtable
