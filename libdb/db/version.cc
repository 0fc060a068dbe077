#include "tidelock/version.h"

namespace tidelock {

const char* version() noexcept {
  return TIDELOCK_VERSION;
}

}  // namespace tidelock
