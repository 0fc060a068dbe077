#pragma once

#include <memory>
#include <string>

#include "lsm/context.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// The open protocol: checks the ground, takes the `open` byte, creates the database if asked to,
// and yields a context with a valid shared state and a place in the lock queue.
//
// The `open` byte is held shared by everybody who is attached. Whoever gets it exclusively knows
// that nobody is, and may create and rebuild; he then goes down to shared without a gap. Whoever
// finds others attached takes their state as it is. Killed anywhere: the kernel drops the byte, and
// the next one begins again. An error leaves the directory as it was, also one amid a creation;
// but for kNotDurable: then the new database stands, and is not open.
struct Attached {
  std::unique_ptr<Context> context;
  bool first = false;  // nobody else was attached, so what the dead left may be swept
};
[[nodiscard]] Result<Attached> attach(const std::string& directory, const Options& options);

// For reading only: needs no more than read permission, takes no lock, is listed nowhere.
[[nodiscard]] Result<Attached> attach_read_only(const std::string& directory,
                                                const Options& options);

// Takes the `open` byte exclusively, if nobody else is attached. Precondition: it is held shared.
// Afterwards it is held by nobody, or by this attachment exclusively (true).
[[nodiscard]] Result<bool> become_last(Context& context);

}  // namespace tidelock::lsm
