#include "agent/words.h"

#include <cmath>
#include <cstdio>
#include <iterator>

namespace tidelock::agent {

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t number, const char* noun) {
  return grouped(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string with_decimals(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string rounded(double number) {
  const double size = std::abs(number);
  if (size >= 100) return grouped(static_cast<std::uint64_t>(std::llround(number)));
  return with_decimals(number, size >= 10 || size == 0 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

std::string in_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; number >= 1024 && unit + 1 < std::size(kUnits); ++unit) number /= 1024;
  return (unit == 0 ? grouped(bytes) : rounded(number)) + " " + kUnits[unit];
}

}  // namespace tidelock::agent
