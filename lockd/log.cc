#include "lockd/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace tidelock::lockd {

namespace {

// Strict about what is no UTF-8: a path may be any bytes, a line of the log may not.
std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f') return false;
  }
  return true;
}

std::string text_line(std::string_view event, std::initializer_list<Field> fields) {
  std::string line(event);
  for (const Field& field : fields) {
    line.append(" ").append(field.name).append("=");
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      line += std::to_string(*number);
    } else {
      const auto text = std::get<std::string_view>(field.value);
      line += is_plain(text) ? std::string(text) : quoted(text);
    }
  }
  return line;
}

// The members of the object but for time and level.
std::string json_members(std::string_view event, std::initializer_list<Field> fields) {
  std::string line = "\"event\":" + quoted(event);
  for (const Field& field : fields) {
    line.append(",").append(quoted(field.name)).append(":");
    const auto* number = std::get_if<std::int64_t>(&field.value);
    line += number != nullptr ? std::to_string(*number)
                              : quoted(std::get<std::string_view>(field.value));
  }
  return line;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

Log::Log(LogLevel level, LogFormat format)
    : logger_("tidelock-lockd", std::make_shared<spdlog::sinks::stderr_sink_mt>()),
      format_(format) {
  logger_.set_pattern(format == LogFormat::kJson
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                          : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger_.flush_on(spdlog::level::trace);
  set_level(level);
}

void Log::set_level(LogLevel level) {
  logger_.set_level(spdlog_level(level));
}

void Log::write(spdlog::level::level_enum level, std::string_view event,
                std::initializer_list<Field> fields) {
  if (!logger_.should_log(level)) return;
  const std::string line =
      format_ == LogFormat::kJson ? json_members(event, fields) : text_line(event, fields);
  logger_.log(level, "{}", line);
}

void Log::debug(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::debug, event, fields);
}

void Log::info(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::info, event, fields);
}

void Log::warning(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::warn, event, fields);
}

void Log::error(std::string_view event, std::initializer_list<Field> fields) {
  write(spdlog::level::err, event, fields);
}

}  // namespace tidelock::lockd
