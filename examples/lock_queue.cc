// Some processes take turns under one fair lock, without any database.
//
//   lock_queue [FILE [PROCESSES]]

#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "tidelock/lock_queue.h"

namespace {

int take_turns(const std::string& file, int number) {
  auto lock = tidelock::LockQueue::open(file, {.label = "turn " + std::to_string(number)});
  if (!lock) return 1;
  for (int turn = 1; turn <= 3; ++turn) {
    // Waits in the queue, first come, first served, for ten seconds at most.
    auto guard = lock->acquire();
    if (!guard) return 1;
    if (guard->inconsistent()) guard->mark_consistent();  // a holder died inside: repair here
    std::cout << "process " << number << " has turn " << turn << std::endl;
  }  // the guard's end gives the lock to the next in line
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string file = argc > 1 ? argv[1] : "turns.lock";
  const int processes = argc > 2 ? std::stoi(argv[2]) : 3;
  for (int number = 1; number <= processes; ++number) {
    if (::fork() == 0) ::_exit(take_turns(file, number));
  }
  int failed = 0;
  for (int status = 0; ::wait(&status) > 0;) failed += status != 0 ? 1 : 0;
  return failed;
}
