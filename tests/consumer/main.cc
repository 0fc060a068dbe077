#include <tidelock/db.h>
#include <tidelock/lock_queue.h>

#include <cstdio>

int main(int, char** argv) {
  auto db = tidelock::Db::open(argv[1], {.mode = tidelock::OpenMode::kCreate});
  if (!db || !db->put("key", "value").ok()) return 1;
  const auto value = db->get("key");
  if (!value || *value != "value" || !db->close().ok()) return 1;
  if (!tidelock::Db::destroy(argv[1]).ok()) return 1;
  std::printf("tidelock %s\n", tidelock::version());
  return 0;
}
