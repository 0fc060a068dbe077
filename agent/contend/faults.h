#pragma once

#include <cstdint>
#include <optional>

#include "agent/contend/crew.h"
#include "agent/contend/figures.h"

namespace tidelock::agent::contend {

// Lets something befall a process of a crew that is at work, and measures what it costs the others.
class FaultMaker {
 public:
  FaultMaker(Crew& crew, const Arena& arena) : crew_(crew), arena_(arena) {}

  // Returns when the crew is complete again and at work. Nothing if it cannot go on: nobody got the
  // lock for too long, or a process failed; then the crew knows, or `report_failure` was told.
  [[nodiscard]] std::optional<FaultFigures> make(Fault fault);

 private:
  struct Bystanders {  // the victim, and who held the lock meanwhile
    std::uint32_t victim = 0, holder = 0;
  };
  [[nodiscard]] std::optional<FaultFigures> kill_holder();
  [[nodiscard]] std::optional<FaultFigures> stop_holder();
  [[nodiscard]] std::optional<FaultFigures> kill_waiter();
  [[nodiscard]] std::optional<FaultFigures> stop_waiter();

  // Returns when somebody has got the lock and begun to do what was ordered: its lane.
  [[nodiscard]] std::optional<std::uint32_t> give(Order order);
  // Somebody holds the lock until let_go; the first of those who then wait is the victim.
  [[nodiscard]] std::optional<Bystanders> hold_until_all_wait();
  [[nodiscard]] bool let_go();
  [[nodiscard]] bool has_had_turn(std::uint32_t lane) const noexcept;
  [[nodiscard]] bool others_have_had_turn(const Bystanders& who) const noexcept;
  void await_others(const Bystanders& who);  // not for ever
  [[nodiscard]] double longest_wait_ms(const Bystanders& who,
                                       std::uint64_t since_ns) const noexcept;
  [[nodiscard]] std::optional<FaultFigures> after_holder(std::uint32_t lane,
                                                         std::uint64_t since_ns);
  void report_stuck(const char* when) const;

  Crew& crew_;
  const Arena& arena_;
  std::uint64_t episode_ = 0;
};

}  // namespace tidelock::agent::contend
