#pragma once

#include <functional>
#include <iosfwd>
#include <string>

// Reports in files: an empty name is none, "-" is standard output, whose errors are told at the
// program's end. Errors go to standard error.
namespace tidelock::agent {

// For before the run: who cannot write should not let one wait for it. Leaves what is there.
[[nodiscard]] bool can_write(const std::string& file);
[[nodiscard]] bool write_to(const std::string& file,
                            const std::function<void(std::ostream&)>& print);

}  // namespace tidelock::agent
