#include "db/read.h"

#include <utility>

namespace tidelock {

Result<std::optional<PinnedValue>> read_key(const lsm::ReadPoint& point, std::string_view key) {
  for (const auto& memtable : point.view->memtables) {
    Result<memtable::Lookup> found = memtable->table().lookup(key, point.sequence);
    if (!found) return found.error();
    switch (found->kind) {
      case memtable::Lookup::Kind::kMissing:
        continue;
      case memtable::Lookup::Kind::kTombstone:
        return std::optional<PinnedValue>();
      case memtable::Lookup::Kind::kValue:
        return std::optional<PinnedValue>(PinnedValue(found->value, memtable));
    }
  }
  Result<lsm::TableSet::Found> found = point.view->tables->get(key);
  if (!found) return found.error();
  if (found->lookup.state != table::Lookup::State::kValue) return std::optional<PinnedValue>();
  std::shared_ptr<const void> owner = std::move(found->lookup.owner);
  if (owner == nullptr) owner = std::move(found->table);
  return std::optional<PinnedValue>(PinnedValue(found->lookup.value, std::move(owner)));
}

}  // namespace tidelock
