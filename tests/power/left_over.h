#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "power/disk.h"
#include "support/random.h"

namespace tidelock::test {

// Files that the next boot cannot use: some time after the cut some of them are there. What they
// hold matters not, so they may hold anything.
class LeftOver {
 public:
  // As they are in `directory`, while the database's processes are still at work or after.
  LeftOver(const std::string& directory, Random& random);

  void add_to(CrashState& state, Random& random) const;

 private:
  using Content = std::shared_ptr<const Bytes>;
  // What a file may hold, made once: most states are given one of them as it is.
  class Contents {
   public:
    Contents(Bytes known, Random& random);
    [[nodiscard]] const Content& any(Random& random) const;

   private:
    std::vector<Content> list_;
  };
  [[nodiscard]] const Contents& contents_of(std::string_view name, Random& random) const;

  Contents state_;
  Contents queue_;
  Contents start_of_queue_;  // laying it out anew is dear, so that it is whole is the exception
  Contents other_;
};

}  // namespace tidelock::test
