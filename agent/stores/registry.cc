#include "agent/stores/store.h"
#include "agent/stores/tidelock_store.h"

namespace tidelock::agent {

std::span<const StoreKind> store_kinds() noexcept {
  static constexpr StoreKind kKinds[] = {{"tidelock", true, open_tidelock}};
  return kKinds;
}

}  // namespace tidelock::agent
