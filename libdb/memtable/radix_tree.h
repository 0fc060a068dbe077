#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "memtable/arena.h"
#include "tidelock/status.h"

// Reading the tree, in any process, at any time, without a lock. Each step is a load with acquire;
// depth grows with each step, so a walk ends whatever the arena holds.
namespace tidelock::memtable {

// The newest version of `key`; null when it was never inserted. kCorruption when the way to it
// leads where no tree can. Compares the key once, with the entry found: skipped bytes are not
// looked at.
[[nodiscard]] Result<const Entry*> find(const ArenaView& arena, std::string_view key);

// The newest version with a sequence number <= `sequence_max`, from `newest` down its chain; null
// when there is none. kCorruption as above.
[[nodiscard]] Result<const Entry*> visible_version(const ArenaView& arena, const Entry& newest,
                                                   std::uint64_t sequence_max);

// The bytes [from, depth) that all keys below `node` have; nothing when the node is damaged.
// Precondition: from <= depth.
[[nodiscard]] std::optional<std::string_view> skipped_bytes(const ArenaView& arena,
                                                            const Node& node, std::size_t from);

// How many first bytes `a` and `b` share.
[[nodiscard]] std::size_t common_prefix(std::string_view a, std::string_view b) noexcept;

}  // namespace tidelock::memtable
