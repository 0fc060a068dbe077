#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "memtable/memtable.h"
#include "memtable/model.h"
#include "memtable/shared_arena.h"

// An arena to be damaged, and all that is done to one.
namespace tidelock::memtable {

inline constexpr std::uint64_t kVictimSize = 64 << 10;

// A small arena with all kinds of nodes, long paths, versions and tombstones.
class Victim {
 public:
  Victim() : sound_(kVictimSize), arena_(kVictimSize) {
    std::uint64_t sequence = 0;
    const auto put = [&](std::string key) {
      apply({++sequence, OperationKind::kPut, std::move(key), std::to_string(sequence)});
    };
    for (int i = 0; i < 60; ++i) put({'n', static_cast<char>(i * 4)});
    for (int i = 0; i < 20; ++i) put({'m', static_cast<char>(i * 9)});
    for (int i = 0; i < 10; ++i) put("a rather long path to " + std::to_string(i));
    for (const char* key : {"", "n", "a", "a rather", "z", "z", "z", "a rather long path to 3"})
      put(key);
    apply({++sequence, OperationKind::kErase, "m", ""});
    sequence_ = sequence;
  }

  [[nodiscard]] const SharedArena& restored() const {
    arena_.copy_from(sound_);
    return arena_;
  }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  // The place of the `i`-th byte in use behind the header page: entries, then nodes.
  [[nodiscard]] std::uint64_t place(std::uint64_t i) const {
    const std::uint64_t entries = sound_.header().entries_end.load() - kHeaderBytes;
    return i < entries ? kHeaderBytes + i : sound_.header().nodes_begin.load() + (i - entries);
  }
  [[nodiscard]] std::uint64_t used() const {
    const ArenaHeader& header = sound_.header();
    return header.entries_end.load() - kHeaderBytes +
           (sound_.bytes().size() - kTailBytes - header.nodes_begin.load());
  }

 private:
  void apply(const Step& step) {
    if (!sound_.writer().insert(step.operation())) std::abort();
    model_.apply(step);
  }

  SharedArena sound_;
  SharedArena arena_;
  Model model_;
  std::uint64_t sequence_ = 0;
};

// Reads and writes in all ways; whatever they answer. False: a walk does not end.
inline bool exercise(const SharedArena& arena, const Victim& victim) {
  const Result<MemtableWriter> writer = MemtableWriter::attach(arena.bytes(), kNumber, kNonce);
  if (!writer) return true;
  const Memtable memtable = writer->reader();
  for (const auto& [key, versions] : victim.model().keys()) {
    static_cast<void>(memtable.lookup(key, kAllSequences));
    static_cast<void>(memtable.lookup(key + "x", 40));
  }
  static_cast<void>(memtable.verify());
  static_cast<void>(memtable.counters());
  MemtableIterator it = memtable.iterate(victim.sequence() - 3);
  // A walk meets each key once, and no key can be met that is not in the arena.
  std::size_t left = 4 * kVictimSize;
  for (it.seek_first(); it.valid() && left > 0; it.next()) --left;
  for (it.seek_last(); it.valid() && left > 0; it.previous()) --left;
  if (left == 0) return false;
  for (const auto& [key, versions] : victim.model().keys()) {
    it.seek(key);
    if (it.valid()) static_cast<void>(it.verify_entry());
    it.seek_before(key);
    if (it.valid()) it.next();
  }
  std::uint64_t sequence = victim.sequence();
  for (const auto& [key, versions] : victim.model().keys()) {
    static_cast<void>(writer->insert({++sequence, OperationKind::kPut, key + "y", "value"}));
    static_cast<void>(writer->insert({++sequence, OperationKind::kPut, key, "value"}));
  }
  static_cast<void>(memtable.verify());
  return true;
}

}  // namespace tidelock::memtable
