#include "agent/option_kinds.h"

#include <charconv>
#include <random>

namespace tidelock::agent {

// "250ms"; nullopt for what is no time, or too long a one.
std::optional<std::uint64_t> parse_time(std::string_view text, const Units& units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = units.find(std::string_view(rest, static_cast<std::size_t>(end - rest)));
  if (error != std::errc() || unit == units.end()) return std::nullopt;
  if (number > kTimeMax / unit->second) return std::nullopt;
  return number * unit->second;
}

// `set` says whether the word is a time.
CLI::Option* add_time(CLI::App& app, const std::string& name,
                      const std::function<bool(std::string_view)>& set, const std::string& examples,
                      const std::string& description) {
  const auto take = [=](const std::string& word) {
    if (set(word)) return;
    throw CLI::ValidationError(
        name, "'" + word + "' is no time, or too long a one (examples: " + examples + ")");
  };
  return app.add_option_function<std::string>(name, take, description)->type_name("TIME");
}

CLI::Option* add_backoff(CLI::App& app, const std::string& name, std::uint64_t& microseconds,
                         const std::string& description) {
  const auto set = [&microseconds](std::string_view word) {
    static const Units kUnits{{"", 1}, {"us", 1}, {"ms", 1'000}, {"s", 1'000'000}};
    const auto time = parse_time(word, kUnits);
    microseconds = time.value_or(0);
    return time.has_value();
  };
  return add_time(app, name, set, "250us, 10ms", description);
}

CLI::Option* add_milliseconds(CLI::App& app, const std::string& name, std::uint64_t& milliseconds,
                              const std::string& description) {
  const auto set = [&milliseconds](std::string_view word) {
    static const Units kUnits{{"", 1}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}};
    const auto time = parse_time(word, kUnits);
    milliseconds = time.value_or(0);
    return time.has_value();
  };
  return add_time(app, name, set, "250ms, 10s", description);
}

CLI::Option* add_size(CLI::App& app, const std::string& name, std::uint64_t& bytes,
                      const std::string& description) {
  return app.add_option(name, bytes, description)
      ->transform(CLI::AsSizeValue(false).description(""))
      ->type_name("SIZE");
}

CLI::Validator not_negative() {
  return CLI::Validator(
      [](const std::string& word) {
        return word.starts_with('-') ? "'" + word + "' is below 0" : std::string();
      },
      "");
}

CLI::Option* add_seed(CLI::App& app, std::uint64_t& seed) {
  return app.add_option("--seed", seed, "Of all choices; drawn and shown if not given")
      ->check(not_negative())
      ->type_name("N");
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace tidelock::agent
