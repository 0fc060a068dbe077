#pragma once

#include "lsm/context.h"
#include "tidelock/status.h"

// Files are made, opened and removed by path. So whoever makes or removes any looks first whether
// the path still leads to the directory he is attached to.
namespace tidelock::lsm {

// kIo: the directory was moved, removed or replaced. The file LOCK is compared, which is held open.
[[nodiscard]] Status check_place(const Context& context);
[[nodiscard]] Status another_database(const Context& context);

}  // namespace tidelock::lsm
