// Makes the system calls of reads and writes visible: between the two lines it prints there are
// OPERATIONS (1,000) puts and as many gets on a database that is open and warm.
//   quiet_path DIRECTORY [OPERATIONS]
//   strace -f quiet_path DIRECTORY 2>&1 | sed -n '/begin/,/end/p'   shows the calls between them
//   strace -fc quiet_path DIRECTORY OPERATIONS                      counts all of them

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "tidelock/db.h"

namespace {

void mark(const char* line) {
  (void)!::write(1, line, std::strlen(line));
}

bool run(tidelock::Db& db, int operations) {
  for (int i = 0; i < operations; ++i) {
    const std::string key = std::to_string(i % 100);
    if (!db.put(key, "value").ok()) return false;
    if (!db.get(key).has_value()) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  const int operations = argc == 3 ? std::atoi(argv[2]) : 1000;
  tidelock::Options options;
  options.mode = tidelock::OpenMode::kCreateIfMissing;
  auto db = tidelock::Db::open(argv[1], options);
  if (!db || !run(*db, 1000)) return 1;
  mark("begin\n");
  const bool done = run(*db, operations);
  mark("end\n");
  return done ? 0 : 1;
}
