#pragma once

#include "agent/history/recorded.h"
#include "agent/history/violation.h"

namespace tidelock::agent::history {

// Is there, for each key, an order of its writes and reads in which each read finds what the last
// write before it left, and which agrees with the clock: what had ended before another began comes
// first? (The key is linearizable.) This holds what one key promises: a write that returned is seen
// by every later read of anybody, one's own included, and reads do not go back.
//
// As every put has a value of its own, a read tells which put it follows, and the question has an
// answer in n log n (P. B. Gibbons and E. Korach, Testing Shared Memories, 1997). A put and its
// reads are neighbours in any such order. Let F be the first end of any of them, and L the last
// begin. If F < L, the put is in force from F to L at least: two puts that are in force at one time
// contradict each other. If not, they may all have happened at one moment between L and F; this
// must not lie within the time at which another put is in force.
//
// Erases leave no trace of their own, so a read of nothing is asked for less: it must not lie where
// a put is in force, and some erase must be able to come after all puts that were seen or answered
// before the read began. Here alone a wrong history may pass: one erase that took long may serve
// several absences with puts between them.
//
// A write that was never answered, and never seen, need not have happened. If it did, it had by its
// latest effect (LateEffects), which stands for its end.
void check_key_order(const Recorded& recorded, Violations& violations);

}  // namespace tidelock::agent::history
