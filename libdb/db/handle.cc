#include "db/handle.h"

#include "os/clock.h"

namespace tidelock {

bool Handle::close() {
  if (closed_.exchange(true, std::memory_order_seq_cst)) return false;
  while (calls_.load(std::memory_order_acquire) != 0) os::sleep_for(std::chrono::microseconds(50));
  return true;
}

}  // namespace tidelock
