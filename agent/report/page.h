#pragma once

#include <iosfwd>
#include <string>

namespace tidelock::agent {

// The frame of a page that refers to nothing outside of it, for bright and dark screens. `title`
// is its heading, too.
void begin_page(std::ostream& out, const std::string& title);
void end_page(std::ostream& out);

[[nodiscard]] std::string escaped(const std::string& text);  // for HTML

}  // namespace tidelock::agent
