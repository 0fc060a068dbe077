#include "lock/layout.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace tidelock::lock {

namespace {

constexpr std::uint64_t kMagic = 0x4554454c504d4f43;      // "COMPLETE"
constexpr std::uint64_t kSignature = 0x4555455551444954;  // "TIDQUEUE"

// Changes when a field moves or when its meaning does; the latter by hand, in the version.
constexpr std::uint64_t layout_hash() {
  constexpr std::uint64_t kVersion = 2;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t value :
       {kVersion, std::uint64_t{sizeof(QueueFile)}, std::uint64_t{offsetof(QueueFile, lock)},
        std::uint64_t{offsetof(QueueFile, head)}, std::uint64_t{offsetof(QueueFile, tail)},
        std::uint64_t{offsetof(QueueFile, history)}, std::uint64_t{offsetof(QueueFile, ring)},
        std::uint64_t{offsetof(QueueFile, members)}, std::uint64_t{sizeof(RingEntry)},
        std::uint64_t{sizeof(MemberSlot)},
        std::uint64_t{std::endian::native == std::endian::little}}) {
    hash = (hash ^ value) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

void format(std::span<std::byte> bytes, std::uint64_t identity, std::uint32_t ring_entries) {
  assert(bytes.size() >= sizeof(QueueFile) && std::has_single_bit(ring_entries) &&
         ring_entries <= kRingEntriesMax);
  auto& file = *reinterpret_cast<QueueFile*>(bytes.data());
  // An exchange, because nothing below may move before it: a death from here on leaves no magic.
  file.header.magic.exchange(0, std::memory_order_acq_rel);
  file.header.signature.store(kSignature, std::memory_order_relaxed);
  constexpr std::size_t kKept = offsetof(Header, layout_hash);
  std::memset(bytes.data() + kKept, 0, sizeof(QueueFile) - kKept);
  for (std::uint32_t i = 0; i < ring_entries; ++i) {
    file.ring[i].word.store(EntryWord::empty(i).bits, std::memory_order_relaxed);
  }
  file.header.layout_hash.store(layout_hash(), std::memory_order_relaxed);
  file.header.identity.store(identity, std::memory_order_relaxed);
  file.header.ring_entries.store(ring_entries, std::memory_order_relaxed);
  file.header.magic.store(kMagic, std::memory_order_release);  // pairs with the acquire in `valid`
}

bool may_be_formatted(std::span<const std::byte> beginning) {
  const bool zero = std::all_of(beginning.begin(), beginning.end(),
                                [](std::byte byte) { return byte == std::byte{0}; });
  if (zero || beginning.size() < sizeof(Header)) return zero;
  std::uint64_t signature = 0;
  std::memcpy(&signature, beginning.data() + offsetof(Header, signature), sizeof signature);
  return signature == kSignature;
}

bool valid(std::span<const std::byte> bytes, std::optional<std::uint64_t> identity) {
  if (bytes.size() < sizeof(QueueFile)) return false;
  const auto& header = reinterpret_cast<const QueueFile*>(bytes.data())->header;
  if (header.magic.load(std::memory_order_acquire) != kMagic) return false;
  const std::uint64_t ring_entries = header.ring_entries.load(std::memory_order_relaxed);
  return header.layout_hash.load(std::memory_order_relaxed) == layout_hash() &&
         std::has_single_bit(ring_entries) && ring_entries <= kRingEntriesMax &&
         (!identity || header.identity.load(std::memory_order_relaxed) == *identity);
}

}  // namespace tidelock::lock
