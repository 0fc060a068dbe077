#include "agent/open_store.h"

namespace tidelock::agent {

StoreOptions store_options(const Settings& settings) {
  return {.directory = settings.directory,
          .durability = settings.durability,
          .handover = settings.handover,
          .wait = settings.wait,
          .deadline = settings.deadline,
          .memtable_size = settings.memtable_size};
}

}  // namespace tidelock::agent
