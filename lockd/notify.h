#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace tidelock::lockd {

// Tells the service manager, if there is one, how the service is doing: a datagram to the socket
// that NOTIFY_SOCKET names, as sd_notify(3) describes. Without one, and when it fails, nothing.
void notify_service_manager(std::string_view state);

// How often it wants to hear WATCHDOG=1, halved; nothing if it does not.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_period();

// With the time that RELOADING=1 must carry.
void notify_reloading();

}  // namespace tidelock::lockd
