#pragma once

#include <string>

#include "os/file.h"
#include "tidelock/status.h"

// The file LOCK, whose byte `open` says whether anybody is attached, and the end of a database.
namespace tidelock::lsm {

[[nodiscard]] Result<os::File> open_or_create_lock(const std::string& directory,
                                                   const os::FileOwnership& ownership);

// Mode of the files of the database that is there, or was.
[[nodiscard]] os::FileOwnership ownership_of_database(const std::string& directory);

// Whether DESTROYED says that the database's files are to go. Another store's or a user's file of
// that name says nothing.
[[nodiscard]] Result<bool> is_being_destroyed(const std::string& directory);

// Whether LOCK, as it was opened, still has its name: a lock on another says nothing of the
// database that is there.
[[nodiscard]] Result<bool> is_in_place(const os::File& lock_file);

// Removes the database's files but LOCK; files with other names stay. First CURRENT becomes
// DESTROYED: from then on there is no database. DESTROYED goes last: whoever comes after a death or
// a power cut knows by it that what else is there is to go, too. Precondition: the `open` byte is
// held exclusively.
[[nodiscard]] Status remove_contents(const std::string& directory);
// And LOCK: whoever waits for it finds the path gone, or made anew, and tries again.
[[nodiscard]] Status remove_files(const std::string& directory);

// Removes the database's files, and the directory if that leaves it empty. kBusy if anybody is
// attached read-write. kUnsupported, and nothing removed, where CURRENT is not of this release.
[[nodiscard]] Status destroy_database(const std::string& directory);

}  // namespace tidelock::lsm
