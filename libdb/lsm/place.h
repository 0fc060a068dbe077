#pragma once

#include "lsm/context.h"
#include "tidelock/status.h"

// Files are made, opened and removed by path. So whoever makes or removes any looks first whether
// the path still leads to the directory he is attached to, and who opens them, behind it.
namespace tidelock::lsm {

// kIo: the directory was moved, removed or replaced. The file LOCK is compared, which is held open.
[[nodiscard]] Status check_place(const Context& context);
[[nodiscard]] Status another_database(const Context& context);
// A file that something live names was not found: kCorruption, where kNotFound would mean that
// there is no database. Other errors as they are.
[[nodiscard]] Status file_gone(const Status& status);
// The same for a call of somebody attached read-write, who looks again: kIo if the directory was
// moved, else kCorruption.
[[nodiscard]] Status as_attached(const Context& context, const Status& status);

}  // namespace tidelock::lsm
