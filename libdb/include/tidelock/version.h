#pragma once

namespace tidelock {

// "0.1.0": the version of the library that is linked, not of the header.
[[nodiscard]] const char* version() noexcept;

}  // namespace tidelock
