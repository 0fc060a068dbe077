#pragma once

#include <string>

#include "tidelock/status.h"

namespace tidelock::lock {

// Why a call did not get the lock, for people: "lock: held by pid 4711 (make) for 3.2 s; 4 wait,
// you are 3rd". What is not known is left out.
[[nodiscard]] std::string busy_text(const BusyInfo& busy);

}  // namespace tidelock::lock
