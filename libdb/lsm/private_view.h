#pragma once

#include <memory>

#include "lsm/context.h"
#include "lsm/view.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// The database as manifest and logs have it, for a read-only attachment that finds no shared state
// it can use: the logs are replayed into private memory. Writes nothing.
//
// Others may flush, rebuild or recycle logs meanwhile. What is gathered counts only if CURRENT and
// the manifest's length are the same before and after: every log and table is named by an edit
// before it is removed, so then nothing that the version needs was gone when it was looked for. An
// error counts if two rounds over the same manifest end in one (logs that grow while they are read
// may show damage that is none). kTimedOut after ten seconds of neither.
//
// What it says is durable is what records, seal and manifest prove to be.
//
// kNotFound: there is no database any more. kCorruption: also if there is another one now.
[[nodiscard]] Result<std::shared_ptr<const View>> replay_privately(const Context& context);

// kCorruption if `found` is not the database that the context was opened on.
[[nodiscard]] Status check_identity(const Context& context, const manifest::Uuid& found);

}  // namespace tidelock::lsm
