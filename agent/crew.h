#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "agent/parent.h"
#include "agent/run_context.h"
#include "agent/run_outcome.h"

namespace tidelock::agent {

// The clients of a run: one for each slot, until it ends, and then perhaps a successor.
class Crew {
 public:
  // Notes in `outcome` what clients used, and how they ended.
  Crew(const Run& run, const Parent& parent, RunOutcome& outcome);

  [[nodiscard]] std::uint32_t slots() const noexcept {
    return static_cast<std::uint32_t>(clients_.size());
  }
  [[nodiscard]] std::uint32_t living() const noexcept;
  [[nodiscard]] pid_t pid(std::uint32_t slot) const noexcept { return clients_[slot].pid; }
  [[nodiscard]] std::vector<pid_t> pids() const;  // of the living
  [[nodiscard]] std::span<WriterStats> writers_of(std::uint32_t slot) const noexcept;

  void start(std::uint32_t slot);
  // Those that ended by themselves, and children of theirs that outlived them. Who came for a visit
  // is succeeded by the next visitor.
  void reap();
  // Waits for the client to end after a SIGKILL. False if it had come to its end before.
  [[nodiscard]] bool bury(std::uint32_t slot);
  // Kills who is still there, as an accident, and waits for the children that clients have left.
  void end();

  // With operations to be done, each client is left to do one of them at least, and who has done
  // all may leave: so the run comes to its end however often clients are killed.
  [[nodiscard]] bool may_be_killed(std::uint32_t slot) const noexcept;

 private:
  struct Client {
    pid_t pid = 0;  // 0: none
    std::uint32_t generation = 0;
    std::uint64_t done_before = 0;  // operations of its slot when it began
  };
  // No process of the slot can write any more.
  void note_death(std::uint32_t slot) noexcept;
  void note_end(std::uint32_t slot, int wait_status);
  void note_accident(std::uint32_t slot, const std::string& what);

  const Run& run_;
  const Parent& parent_;
  RunOutcome& outcome_;
  std::vector<Client> clients_;  // by slot
};

}  // namespace tidelock::agent
