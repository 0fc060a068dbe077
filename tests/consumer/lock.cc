// Of the library, only the lock: no database, no other header.
#include <tidelock/lock_queue.h>

#include <cstdio>

int main(int, char** argv) {
  auto queue = tidelock::LockQueue::open(argv[1], {.label = "stranger"});
  if (!queue) return 1;
  const auto guard = queue->acquire();
  const auto seen = tidelock::LockQueue::look(argv[1]);
  if (!guard || !seen || !seen->holder || seen->holder->label != "stranger") return 1;
  return queue->acquire({.policy = tidelock::Wait::Policy::kFailFast}) ? 1 : 0;
}
