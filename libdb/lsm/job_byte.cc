#include "lsm/job_byte.h"

#include <utility>

namespace tidelock::lsm {

namespace {

using Mode = os::ByteLocks::Mode;

std::atomic<std::uint64_t>& signature(const Context& context, std::uint64_t byte) {
  return (*context.state)->job_holders[byte];
}

}  // namespace

JobByte::JobByte(Context& context, std::uint64_t byte) noexcept : context_(&context), byte_(byte) {
  if (context.queue == nullptr) return;
  signature(context, byte).store(lock::to_word(context.queue->self()), std::memory_order_relaxed);
}

JobByte::JobByte(JobByte&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)), byte_(other.byte_) {}

JobByte::~JobByte() {
  if (context_ == nullptr) return;
  signature(*context_, byte_).store(0, std::memory_order_relaxed);
  context_->locks->unlock(byte_);
}

Result<std::optional<JobByte>> JobByte::try_take(Context& context, std::uint64_t byte) {
  Result<bool> taken = context.locks->try_lock(byte, Mode::kExclusive);
  if (!taken) return taken.error();
  if (!*taken) return std::optional<JobByte>();
  return std::optional<JobByte>(JobByte(context, byte));
}

Result<JobByte> JobByte::take(Context& context, std::uint64_t byte, const os::Deadline& deadline,
                              const std::string& what) {
  Result<bool> taken = context.locks->lock_before(byte, Mode::kExclusive, deadline);
  if (!taken) return taken.error();
  if (*taken) return JobByte(context, byte);
  BusyInfo busy = job_holder(context, byte, BusyReason::kWriteStall);
  std::string text = what + ": " + describe(busy) + " is at it";
  return Status(StatusCode::kTimedOut, std::move(text), std::move(busy));
}

std::string describe(const BusyInfo& holder) {
  if (holder.holder_pid == 0) return "another process";
  return "pid " + std::to_string(holder.holder_pid) + " (" + holder.holder_label + ")";
}

BusyInfo job_holder(const Context& context, std::uint64_t byte, BusyReason reason) {
  BusyInfo busy;
  busy.reason = reason;
  const std::uint64_t word = signature(context, byte).load(std::memory_order_relaxed);
  if (word == 0 || context.queue == nullptr) return busy;
  const std::optional<LockMember> member = context.queue->member(lock::identity_of(word));
  if (!member) return busy;
  busy.holder_pid = member->pid;
  busy.holder_label = member->label;
  return busy;
}

}  // namespace tidelock::lsm
