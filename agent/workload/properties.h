#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "tidelock/status.h"

// Names with values, as Java's property files tell them.
namespace tidelock::agent {

using Properties = std::map<std::string, std::string, std::less<>>;

// Lines "name=value", "name: value" or "name value", which go on in the next one behind a
// backslash; comments begin with # or !. \t, \n, \r, \f and \u0041 are characters, and any other
// behind a backslash is itself. Blanks around names and values do not count. Those of the text win
// over those already there. kInvalid names a line without a name, or with nothing behind it, or
// with an escape of half a pair of UTF-16.
[[nodiscard]] Status read_properties(std::string_view text, Properties& properties);
[[nodiscard]] Status read_properties_file(const std::string& path, Properties& properties);

}  // namespace tidelock::agent
