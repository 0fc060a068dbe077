#pragma once

#include <gtest/gtest.h>

#include "lock/layout.h"
#include "lock/queue.h"
#include "lock/word.h"

namespace tidelock::lock {

// What must hold of a queue file when nobody but `watcher` is attached or alive: the lock can be
// had, nobody waits, and whatever the dead left in the ring is in its place.
inline void expect_sound(QueueFile& file, Queue& watcher) {
  {
    Result<Guard> guard = watcher.acquire({.deadline = std::chrono::milliseconds(2'000)});
    ASSERT_TRUE(guard) << guard.status().to_string();
    guard->mark_consistent();
  }
  const LockInfo info = watcher.info().value();
  EXPECT_EQ(info.word, LockInfo::Word::kFree);
  EXPECT_FALSE(info.inconsistent);
  EXPECT_TRUE(info.waiters.empty());
  const std::uint64_t entries = file.header.ring_entries.load();
  const std::uint64_t head = file.head.load();
  const std::uint64_t tail = file.tail.load();
  EXPECT_LE(head, tail + 1);  // the last claim's owner may have died before tail moved on
  EXPECT_LE(tail, head + entries);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const EntryWord entry{file.ring[i].word.load()};
    EXPECT_EQ(entry.ticket() % entries, i);
    EXPECT_GE(entry.laps_ahead(head), 0) << "an entry lies before head";
    EXPECT_LE(entry.laps_ahead(head), static_cast<std::int32_t>(2 * entries));
  }
}

}  // namespace tidelock::lock
