#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

// Sleeping on a word in a shared mapping. Shared futexes only: the key is the file and the offset,
// so processes that map the file at different addresses meet.
namespace tidelock::os {

// Sleeps while `word` is `expected`, for at most `timeout`. May return early without a reason.
// Async-signal interruption returns early too.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::chrono::nanoseconds timeout) noexcept;

// Wakes at most `count` sleepers. Never blocks. The number woken.
int futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace tidelock::os
