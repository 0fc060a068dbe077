#pragma once

#include <cstdint>
#include <string>

// Numbers as people read them.
namespace tidelock::agent {

[[nodiscard]] std::string grouped(std::uint64_t number);                    // "1,234,567"
[[nodiscard]] std::string counted(std::uint64_t number, const char* noun);  // "2 clients"
[[nodiscard]] std::string with_decimals(double number, int decimals);       // "0.50"
// Three or so digits, whatever the size: "1,234,567", "12.3", "0.0450".
[[nodiscard]] std::string rounded(double number);

[[nodiscard]] std::string in_bytes(std::uint64_t bytes);  // "12.3 MiB"

}  // namespace tidelock::agent
