// Makes the system calls of reads and writes visible to strace: between the two lines it prints
// there are 1,000 gets and 1,000 puts on a database that is open and warm.
//   strace -f quiet_path DIRECTORY 2>&1 | sed -n '/begin/,/end/p'

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "tidelock/db.h"

namespace {

void mark(const char* line) {
  (void)!::write(1, line, std::strlen(line));
}

bool round(tidelock::Db& db) {
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i % 100);
    if (!db.put(key, "value").ok()) return false;
    if (!db.get(key).has_value()) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  tidelock::Options options;
  options.mode = tidelock::OpenMode::kCreateIfMissing;
  auto db = tidelock::Db::open(argv[1], options);
  if (!db || !round(*db)) return 1;
  mark("begin\n");
  const bool done = round(*db);
  mark("end\n");
  return done ? 0 : 1;
}
