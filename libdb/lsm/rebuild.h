#pragma once

#include "lsm/context.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Makes the shared state anew from manifest and logs: after a reboot, in a copied directory, for
// another release's layout. Under the exclusive `open` byte; `context` has locks, state and uuid.
//
// Nothing is written in place but STATE and QUEUE, which are disposable and invalid until the last
// store: each replayed log gets a new arena, and no replayed log is ever appended to again (rule
// O4), so a rebuild that dies is repeated from the same logs. What it leaves is swept.
[[nodiscard]] Status rebuild(Context& context);

// Whether the logs and arenas that the shared state names are the files it was built with.
[[nodiscard]] Status check_live_files(const Context& context);

// Makes the first manifest and CURRENT, the last step. Killed before it: there is no database, and
// the next to create one starts again. An error leaves nothing, LOCK neither, with two exceptions.
// kCorruption: there are files of a database without CURRENT, and nothing was touched. kNotDurable:
// the database stands, and may not survive a power cut. Under the exclusive `open` byte.
[[nodiscard]] Status create_database(const std::string& directory, const Options& options);

}  // namespace tidelock::lsm
