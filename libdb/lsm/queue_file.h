#pragma once

#include <cstdint>
#include <string>

#include "lsm/context.h"
#include "os/file.h"
#include "os/mapping.h"
#include "tidelock/lock_queue.h"
#include "tidelock/status.h"

// The file QUEUE, where the lock queue lives.
namespace tidelock::lsm {

enum class QueueFile : std::uint8_t { kExisting, kMake };

// kMake: made if it is missing, and all of its size reserved.
[[nodiscard]] Result<os::Mapping> map_queue(const Context& context, QueueFile which);

// kUnsupported: the file has a second name, so another directory shares it.
[[nodiscard]] Status check_one_link(const os::File& file);

// See the static Db::lock_info.
[[nodiscard]] Result<LockInfo> look_at_queue(const std::string& directory);

}  // namespace tidelock::lsm
