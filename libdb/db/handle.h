#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "os/process.h"
#include "tidelock/status.h"

namespace tidelock {

// Outlives the `Db` in the snapshots and iterators made from it: tells them that it was closed, or
// that they are in a forked child, where the mappings they point into are gone.
class Handle {
 public:
  [[nodiscard]] Status check() const {
    if (forked()) [[unlikely]] {
      return Status(StatusCode::kForked, "the handle belongs to the parent of this process");
    }
    if (closed_.load(std::memory_order_acquire)) [[unlikely]] {
      return Status(StatusCode::kClosed, "the database handle was closed");
    }
    return {};
  }
  [[nodiscard]] bool forked() const {
    return token_word_.load(std::memory_order_relaxed) != process_token_;
  }

  // A call that uses the engine; `close` waits for all of them to end.
  class Call {
   public:
    explicit Call(Handle& handle) : counted_(handle.calls_), status_(handle.check()) {}
    [[nodiscard]] const Status& status() const { return status_; }

   private:
    // Counted down also if there is no memory for the status.
    class Counted {
     public:
      // Sequentially consistent, as `close` is: either it sees this call, or this sees it.
      explicit Counted(std::atomic<std::uint32_t>& calls) : calls_(calls) {
        calls_.fetch_add(1, std::memory_order_seq_cst);
      }
      ~Counted() { calls_.fetch_sub(1, std::memory_order_release); }
      Counted(const Counted&) = delete;
      Counted& operator=(const Counted&) = delete;

     private:
      std::atomic<std::uint32_t>& calls_;
    };

    Counted counted_;
    Status status_;
  };

  // False if it was closed before. Blocks until the calls under way have ended.
  [[nodiscard]] bool close();

 private:
  const std::uint64_t process_token_ = os::process_token();
  const std::atomic<std::uint64_t>& token_word_ = os::process_token_word();
  std::atomic<bool> closed_{false};
  std::atomic<std::uint32_t> calls_{0};
};

}  // namespace tidelock
