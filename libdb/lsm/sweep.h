#pragma once

#include "lsm/catalog.h"
#include "lsm/context.h"
#include "lsm/flush.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Removes files that killed processes left: those that neither the manifest nor the view nor the
// spare names (rule F4). It takes all job bytes, so nobody is making files, and then the writer
// lock, so no roll is under way, before it lists the directory. kTaken when it does not get them
// all at once. Names that are not the database's own are never touched.
[[nodiscard]] Result<JobResult> sweep(Context& context, Catalog& catalog,
                                      const os::Deadline& deadline);

}  // namespace tidelock::lsm
