#include "agent/stores/store.h"
#include "agent/stores/tidelock_store.h"
#ifdef TIDELOCK_AGENT_LMDB
#include "agent/stores/lmdb_store.h"
#endif
#ifdef TIDELOCK_AGENT_SQLITE
#include "agent/stores/sqlite_store.h"
#endif
#ifdef TIDELOCK_AGENT_LEVELDB
#include "agent/stores/leveldb_store.h"
#endif
#ifdef TIDELOCK_AGENT_ROCKSDB
#include "agent/stores/rocksdb_store.h"
#endif
#ifdef TIDELOCK_AGENT_BERKELEYDB
#include "agent/stores/berkeleydb_store.h"
#endif

namespace tidelock::agent {

std::span<const StoreKind> store_kinds() noexcept {
  static constexpr StoreKind kKinds[] = {
      {.name = "tidelock",
       .many_processes = true,
       .survives_kills = true,
       .fails_fast = true,
       .queue = "in its queue",
       .has_memtable = true,
       .full_disk_is_refusal = true,
       .open = open_tidelock,
       .version = tidelock_version},
#ifdef TIDELOCK_AGENT_LMDB
      {.name = "lmdb",
       .many_processes = true,
       .survives_kills = true,
       .queue = "for its mutex",
       .open = open_lmdb,
       .version = lmdb_version},
#endif
#ifdef TIDELOCK_AGENT_SQLITE
      {.name = "sqlite",
       .many_processes = true,
       .survives_kills = true,
       .fails_fast = true,
       .queue = "in its busy loop",
       .open = open_sqlite,
       .version = sqlite_version},
#endif
#ifdef TIDELOCK_AGENT_LEVELDB
      {.name = "leveldb",
       .survives_kills = true,
       .queue = "in turn",
       .has_memtable = true,
       .open = open_leveldb,
       .version = leveldb_version},
#endif
#ifdef TIDELOCK_AGENT_ROCKSDB
      {.name = "rocksdb",
       .survives_kills = true,
       .queue = "in turn",
       .has_memtable = true,
       .open = open_rocksdb,
       .version = rocksdb_version},
#endif
#ifdef TIDELOCK_AGENT_BERKELEYDB
      {.name = "berkeleydb",
       .many_processes = true,
       .fails_fast = true,
       .queue = "for its page locks",
       .open = open_berkeleydb,
       .version = berkeleydb_version},
#endif
  };
  return kKinds;
}

}  // namespace tidelock::agent
