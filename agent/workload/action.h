#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidelock::agent {

// What a client may do. The first ones only read.
enum class Action : std::uint8_t {
  kGet,
  kExists,
  kScan,             // forwards from a key
  kScanBack,         // backwards from a key
  kView,             // several keys at one point in the order of commits
  kPut,              // a key of those there are from the beginning, or were inserted
  kInsert,           // a key that is new
  kErase,            // one that need not be there
  kBatch,            // several puts and erases, all or nothing
  kReadModifyWrite,  // a get, then a put of the same key
};
inline constexpr std::size_t kActions = 10;

[[nodiscard]] constexpr std::size_t index_of(Action action) noexcept {
  return static_cast<std::size_t>(action);
}
[[nodiscard]] constexpr bool only_reads(Action action) noexcept {
  return action < Action::kPut;
}

// As on the command line, in reports and in traces.
inline constexpr std::array<std::string_view, kActions> kActionNames{
    "get", "exists", "scan",   "scan-back", "view",
    "put", "insert", "delete", "batch",     "read-modify-write"};

[[nodiscard]] constexpr std::string_view name_of(Action action) noexcept {
  return kActionNames[index_of(action)];
}
// Also "update", which is a put.
[[nodiscard]] constexpr std::optional<Action> action_of(std::string_view name) noexcept {
  if (name == "update") return Action::kPut;
  for (std::size_t i = 0; i < kActions; ++i) {
    if (kActionNames[i] == name) return static_cast<Action>(i);
  }
  return std::nullopt;
}

}  // namespace tidelock::agent
