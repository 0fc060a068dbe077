// Some processes open one database and count together: each adds one to the same number again and
// again, by compare-and-swap, and none of the additions is lost.
//
//   several_processes [DIRECTORY [PROCESSES]]

#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "tidelock/db.h"

namespace {

constexpr int kAdditions = 1'000;

// Each process has a handle of its own, opened after the fork.
tidelock::Status add_many(const std::string& directory) {
  auto db = tidelock::Db::open(directory, {.label = "adder"});
  if (!db) return db.error();
  for (int done = 0; done < kAdditions;) {
    const auto old = db->get("sum");
    if (!old) return old.error();
    const std::string sum = std::to_string((*old ? std::stoll(**old) : 0) + 1);
    const auto swapped = db->put_if("sum", *old, sum);
    if (!swapped) return swapped.error();
    if (*swapped) ++done;  // else another process was quicker: read again
  }
  return db->close();
}

// True if every one of them ended well.
bool run_processes(const std::string& directory, int processes) {
  for (int i = 0; i < processes; ++i) {
    if (::fork() == 0) ::_exit(add_many(directory).ok() ? 0 : 1);
  }
  bool all_well = true;
  for (int status = 0; ::wait(&status) > 0;) all_well = all_well && status == 0;
  return all_well;
}

tidelock::Result<long long> read_sum(const std::string& directory) {
  auto db = tidelock::Db::open(directory, {.mode = tidelock::OpenMode::kCreateIfMissing});
  if (!db) return db.error();
  const auto sum = db->get("sum");
  if (!sum) return sum.error();
  return *sum ? std::stoll(**sum) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "sum.db";
  const int processes = argc > 2 ? std::stoi(argv[2]) : 4;
  const auto before = read_sum(directory);  // makes the database, and closes it again
  const bool all_well = before && run_processes(directory, processes);
  const auto after = read_sum(directory);
  if (!all_well || !after) return 1;
  std::cout << processes << " processes added " << *after - *before << "\n";
  return *after - *before == processes * kAdditions ? 0 : 1;
}
