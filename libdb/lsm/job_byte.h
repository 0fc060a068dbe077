#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lsm/context.h"
#include "os/clock.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// One of the bytes that give the right to a job, held until the end of the scope. The holder signs
// his name in the shared state, so that those he keeps waiting can say whom they wait for. The name
// is for people: the kernel drops the byte of a dead holder, and leaves his name behind.
class JobByte {
 public:
  // Nothing if somebody else holds it.
  [[nodiscard]] static Result<std::optional<JobByte>> try_take(Context& context,
                                                               std::uint64_t byte);
  // Waits for it; kTimedOut, with the holder's name, once the deadline has passed. `what` says what
  // for: "install in ...".
  [[nodiscard]] static Result<JobByte> take(Context& context, std::uint64_t byte,
                                            const os::Deadline& deadline, const std::string& what);
  JobByte(JobByte&& other) noexcept;
  JobByte& operator=(JobByte&&) = delete;
  ~JobByte();

 private:
  JobByte(Context& context, std::uint64_t byte) noexcept;

  Context* context_;
  std::uint64_t byte_;
};

// Whoever has signed last and lives; an empty pid if nobody has.
[[nodiscard]] BusyInfo job_holder(const Context& context, std::uint64_t byte, BusyReason reason);
// "pid 7 (its label)".
[[nodiscard]] std::string describe(const BusyInfo& holder);

}  // namespace tidelock::lsm
