#include "agent/words.h"

#include <cmath>
#include <cstdio>

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

}  // namespace tidelock::agent
