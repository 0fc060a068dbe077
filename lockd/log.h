#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "lockd/settings.h"

namespace tidelock::lockd {

struct Field {
  Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  Field(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  Field(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  template <typename Number>
  requires std::is_integral_v<Number> Field(std::string_view field_name, Number number)
      : name(field_name), value(static_cast<std::int64_t>(number)) {}

  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// One line an event on standard error: `recovered database=/db pid=7`, or an object. Thread-safe.
class Log {
 public:
  Log(LogLevel level, LogFormat format);
  void set_level(LogLevel level);

  void debug(std::string_view event, std::initializer_list<Field> fields = {});
  void info(std::string_view event, std::initializer_list<Field> fields = {});
  void warning(std::string_view event, std::initializer_list<Field> fields = {});
  void error(std::string_view event, std::initializer_list<Field> fields = {});

 private:
  void write(spdlog::level::level_enum level, std::string_view event,
             std::initializer_list<Field> fields);

  spdlog::logger logger_;
  const LogFormat format_;
};

}  // namespace tidelock::lockd
