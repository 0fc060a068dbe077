#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "agent/names.h"

// The kinds of options that the commands share.
namespace tidelock::agent {

constexpr std::uint64_t kTimeMax = 1'000'000'000;  // of ms: eleven days; of us: a quarter hour

// What a unit is worth; the empty one is that of a number alone.
using Units = std::map<std::string, std::uint64_t, std::less<>>;

// One of a list of words.
template <typename Value>
CLI::Option* add_choice(CLI::App& app, const char* name, Value& value, const Names<Value>& names,
                        const char* description) {
  std::vector<std::string> choices;
  for (const auto& [choice, unused] : names) choices.push_back(choice);
  const auto choose = [&value, &names](const std::string& text) {
    for (const auto& [choice, named] : names) {
      if (choice == text) value = named;
    }
  };
  return app.add_option_function<std::string>(name, choose, description)
      ->check(CLI::IsMember(choices).description(""))
      ->type_name(CLI::detail::join(choices, "|"));
}

// The parser takes -5 for a very large number.
[[nodiscard]] CLI::Validator not_negative();

template <typename Number>
CLI::Option* add_number(CLI::App& app, const char* name, Number& value, const char* description,
                        Number low, Number high = std::numeric_limits<Number>::max()) {
  CLI::Option* const option =
      app.add_option(name, value, description)->check(CLI::Range(low, high).description(""));
  if constexpr (std::is_unsigned_v<Number>) option->check(not_negative());
  return option->type_name("N")->capture_default_str();
}

// "250ms"; nullopt for what is no time, or too long a one.
[[nodiscard]] std::optional<std::uint64_t> parse_time(std::string_view text, const Units& units);

// `set` says whether the word is a time.
CLI::Option* add_time(CLI::App& app, const std::string& name,
                      const std::function<bool(std::string_view)>& set, const std::string& examples,
                      const std::string& description);

CLI::Option* add_backoff(CLI::App& app, const std::string& name, std::uint64_t& microseconds,
                         const std::string& description);

// A time in ms or with a unit.
CLI::Option* add_milliseconds(CLI::App& app, const std::string& name, std::uint64_t& milliseconds,
                              const std::string& description);
// Bytes: "64M".
CLI::Option* add_size(CLI::App& app, const std::string& name, std::uint64_t& bytes,
                      const std::string& description);

CLI::Option* add_seed(CLI::App& app, std::uint64_t& seed);

[[nodiscard]] std::uint64_t random_seed();

}  // namespace tidelock::agent
