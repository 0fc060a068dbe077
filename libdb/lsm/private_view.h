#pragma once

#include <cstdint>
#include <memory>
#include <optional>

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
// What it says is durable is what records, seal and manifest prove to be. `visible`, read before
// the call from a shared state that fits: a record beyond it was copied and never committed, unless
// it is proved to be durable.
//
// kNotFound: there is no database any more. kCorruption: also if there is another one now.
[[nodiscard]] Result<std::shared_ptr<const View>> replay_privately(
    const Context& context, std::optional<std::uint64_t> visible);

// kCorruption if `found` is not the database that the context was opened on.
[[nodiscard]] Status check_identity(const Context& context, const manifest::Uuid& found);

}  // namespace tidelock::lsm
