#pragma once

#include <string>

#include "manifest/version_edit.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// kInvalid names the option that is out of its range.
[[nodiscard]] Status check_options(const Options& options);

// kInvalid names the option that was fixed with another value at creation.
[[nodiscard]] Status check_fixed(const std::string& directory, const FixedOptions& wanted,
                                 const manifest::CreationOptions& created);

}  // namespace tidelock::lsm
