#include "memtable/arena.h"

#include <initializer_list>
#include <string>

namespace tidelock::memtable {

namespace {

constexpr std::uint64_t kMagic = 0x0A6D'656D'6B6C'6474;  // "tdlkmem\n" in the file
constexpr std::uint64_t kLayoutVersion = 2;

constexpr std::uint64_t hash_of(std::initializer_list<std::uint64_t> numbers) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325;  // FNV-1a, a number at a time
  for (const std::uint64_t number : numbers) hash = (hash ^ number) * 0x0000'0100'0000'01B3;
  return hash;
}

constexpr std::uint64_t kLayout = hash_of({
    kLayoutVersion,
    kAlignment,
    kHeaderBytes,
    kTailBytes,
    sizeof(ArenaHeader),
    offsetof(ArenaHeader, root),
    offsetof(ArenaHeader, entries_end),
    offsetof(ArenaHeader, nodes_begin),
    offsetof(ArenaHeader, counters),
    offsetof(SharedCounters, cells),
    sizeof(Entry),
    offsetof(Entry, older),
    offsetof(Entry, sequence),
    offsetof(Entry, value_size),
    sizeof(Node),
    offsetof(Node, depth),
    offsetof(Node, terminal),
    offsetof(Node, tail),
    sizeof(Node4),
    offsetof(Node4, children),
    sizeof(Node16),
    offsetof(Node16, children),
    sizeof(Node48),
    offsetof(Node48, children),
    sizeof(Node256),
    offsetof(Node256, children),
});

bool has_sound_size(std::uint64_t size) {
  return size >= kArenaBytesMin && size <= kArenaBytesMax && size % kArenaGrain == 0;
}

}  // namespace

Status format(std::span<std::byte> memory, std::uint64_t number, std::uint64_t nonce) {
  if (!has_sound_size(memory.size())) {
    return {StatusCode::kInvalid, "format memtable " + std::to_string(number) +
                                      ": an arena cannot have " + std::to_string(memory.size()) +
                                      " bytes"};
  }
  auto* header = reinterpret_cast<ArenaHeader*>(memory.data());
  header->magic.store(0, std::memory_order_relaxed);
  // A kill cuts the program between two instructions: keep the compiler from filling before this.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  header->layout = kLayout;
  header->number = number;
  header->nonce = nonce;
  header->capacity = memory.size();
  header->root.store(kNoRef, std::memory_order_relaxed);
  header->entries_end.store(kHeaderBytes, std::memory_order_relaxed);
  header->nodes_begin.store(memory.size() - kTailBytes, std::memory_order_relaxed);
  clear(header->counters);
  // Pairs with the acquire in validate.
  header->magic.store(kMagic, std::memory_order_release);
  return {};
}

Status validate(std::span<const std::byte> memory, std::uint64_t number, std::uint64_t nonce) {
  const auto damaged = [number](const std::string& what) {
    return Status(StatusCode::kCorruption,
                  "attach memtable " + std::to_string(number) + ": " + what);
  };
  if (!has_sound_size(memory.size())) {
    return damaged("an arena cannot have " + std::to_string(memory.size()) + " bytes");
  }
  const auto& header = *reinterpret_cast<const ArenaHeader*>(memory.data());
  // Pairs with the release in format.
  if (header.magic.load(std::memory_order_acquire) != kMagic) return damaged("it is not an arena");
  if (header.layout != kLayout) {
    return {StatusCode::kUnsupported, "attach memtable " + std::to_string(number) +
                                          ": made by a program with another layout of it"};
  }
  if (header.number != number) {
    return damaged("it is number " + std::to_string(header.number));
  }
  if (header.nonce != nonce) return damaged("it is another file of the same number");
  if (header.capacity != memory.size()) {
    return damaged("it has " + std::to_string(memory.size()) + " bytes and was made with " +
                   std::to_string(header.capacity));
  }
  return {};
}

Status ArenaView::corruption(std::uint64_t offset, std::string_view what) const {
  return {StatusCode::kCorruption, "memtable " + std::to_string(header().number) + " at offset " +
                                       std::to_string(offset) + ": " + std::string(what)};
}

Arena::Free Arena::free() const noexcept {
  const std::uint64_t begin = header().entries_end.load(std::memory_order_relaxed);
  const std::uint64_t end = header().nodes_begin.load(std::memory_order_relaxed);
  const bool sound = begin >= kHeaderBytes && begin <= end && end <= size() - kTailBytes &&
                     begin % kAlignment == 0 && end % kAlignment == 0;
  return sound ? Free{begin, end} : Free();
}

std::optional<Arena::Taken> Arena::take(std::uint64_t node_bytes,
                                        std::uint64_t entry_bytes) const noexcept {
  const Free left = free();
  if (node_bytes + entry_bytes > left.bytes()) return std::nullopt;
  header().nodes_begin.store(left.end - node_bytes, std::memory_order_relaxed);
  header().entries_end.store(left.begin + entry_bytes, std::memory_order_relaxed);
  // A kill cuts the program between two instructions: keep the compiler from filling before this.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return Taken{memory_.data() + left.end - node_bytes, memory_.data() + left.begin};
}

}  // namespace tidelock::memtable
