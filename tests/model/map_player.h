#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "model/answer.h"
#include "model/trace.h"

namespace tidelock::test {

// What a database has to answer, by std::map.
class MapPlayer {
 public:
  [[nodiscard]] std::string answer(const Operation& operation);

 private:
  using Entries = std::map<std::string, std::string>;

  void change(const Operation& operation);
  void write(const Operation& operation, Answer& answer);
  void read(const Operation& operation, Answer& answer) const;
  void look_back(const Operation& operation, Answer& answer);

  Entries entries_;
  std::uint64_t sequence_ = 0;  // operations so far
  std::array<std::shared_ptr<const Entries>, kSnapshots> snapshots_;
};

}  // namespace tidelock::test
