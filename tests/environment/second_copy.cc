// A second copy of the whole library, as a plugin may bring one along. Its handle is one of its
// own, so only functions of the C language are seen from outside.
#include <memory>
#include <string>

#include "tidelock/db.h"

#define VISIBLE extern "C" __attribute__((visibility("default")))

namespace {

std::unique_ptr<tidelock::Db>& handle() {
  static std::unique_ptr<tidelock::Db> db;
  return db;
}

}  // namespace

VISIBLE int second_open(const char* directory) {
  tidelock::Result<tidelock::Db> db = tidelock::Db::open(directory);
  if (!db) return static_cast<int>(db.status().code());
  handle() = std::make_unique<tidelock::Db>(std::move(*db));
  return 0;
}

VISIBLE int second_put(const char* key, const char* value) {
  return static_cast<int>(handle()->put(key, value).code());
}

// Adds one to the number under `key`, which is there.
VISIBLE int second_increment(const char* key) {
  for (;;) {
    const auto before = handle()->get(key);
    if (!before || !*before) return -1;
    const auto done = handle()->put_if(key, **before, std::to_string(std::stoi(**before) + 1));
    if (!done) return static_cast<int>(done.status().code());
    if (*done) return 0;
  }
}

VISIBLE void second_close() {
  handle().reset();
}
