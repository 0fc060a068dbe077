#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/contend/contender.h"
#include "agent/parent.h"

namespace tidelock::agent::contend {

// The processes of one phase, one a lane. Whoever is left is killed at the end of the scope.
class Crew {
 public:
  Crew(const Contest& contest, const Parent& parent);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // All lanes attach, and then begin at the same time. False: see `accidents`, `interrupted` and
  // the arena's failure; so for all that may be false.
  [[nodiscard]] bool begin();
  // Another process in the lane of one that was killed; returns when it has attached.
  [[nodiscard]] bool replace(std::uint32_t lane);
  // Ends the phase, and returns when all have ended.
  void end();
  // Makes a process measure the lock alone. Before `begin`.
  [[nodiscard]] bool measure_alone_once();

  // Until `condition` holds, or `time_ns` has come, or something went wrong.
  bool await(const std::function<bool()>& condition, std::uint64_t time_ns);
  // Until `time_ns` has come or something went wrong, and seldom in the way of those who work.
  void rest_until(std::uint64_t time_ns);
  // Sends SIGKILL, and returns when the kernel has taken back all that it held.
  void kill(std::uint32_t lane);
  void await_death(std::uint32_t lane);  // of one that was ordered to die
  void stop(std::uint32_t lane);         // SIGSTOP; returns when it stands
  void await_stop(std::uint32_t lane);   // of one that stops itself
  void resume(std::uint32_t lane);

  [[nodiscard]] bool well() const;
  [[nodiscard]] const std::vector<std::string>& accidents() const noexcept { return accidents_; }
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

 private:
  [[nodiscard]] bool fork_into(pid_t& pid, const std::function<int()>& life);
  [[nodiscard]] std::size_t living() const noexcept;
  void reap();
  void note_end(std::size_t lane, int wait_status);

  const Contest& contest_;
  const Parent& parent_;
  std::vector<pid_t> pids_;  // by lane; 0: none
  std::vector<std::string> accidents_;
  std::uint64_t reap_due_ns_ = 0;
  bool interrupted_ = false;
};

}  // namespace tidelock::agent::contend
