#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidelock::lockd {

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Where metrics are served. Anybody who can connect may read them.
struct MetricsAddress {
  std::string host;  // a loopback address, or the path of a Unix socket
  int port = 0;      // 0: any free one; not used by a Unix socket
  bool unix_socket = false;
  bool operator==(const MetricsAddress&) const = default;
};

// What the command line and the configuration file ask for.
struct Settings {
  std::vector<std::string> directories;  // absolute, each once
  bool once = false;
  std::chrono::milliseconds sync_period{500};
  std::chrono::milliseconds warn_held_after{10'000};            // 0: never
  std::optional<std::chrono::milliseconds> kill_stuck_after{};  // unset: never
  std::optional<MetricsAddress> metrics{};
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  bool allow_unsafe_file_system = false;
};

// Never renumber: scripts rely on them. As those of tidelock(1).
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kNotFound = 1,
  kUsage = 2,
  kBusy = 3,
  kDamage = 4,
  kFailed = 5,  // input, output, space or permission
};

// Instead of settings: help or the version that was asked for (kOk), or a complaint (kUsage), which
// begins with the configuration file's path if it is about what stands there.
struct Answer {
  ExitCode exit_code = ExitCode::kUsage;
  std::string text{};
};

}  // namespace tidelock::lockd
