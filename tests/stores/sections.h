#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stores/watch.h"
#include "support/child_process.h"

// Critical sections, in each of which a process dies after every single store.
namespace tidelock::test {

// All shares but kAll are so much smaller.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kLess = 4;
#else
inline constexpr std::size_t kLess = 1;
#endif

// One run of a section, in which its victim dies after an event, or lives through it.
class Trial {
 public:
  Trial(std::string directory, Ledger& ledger, std::uint64_t die_after)
      : directory_(std::move(directory)), ledger_(ledger), die_after_(die_after) {}

  // Empty at first; removed afterwards.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }

  // The process that is to die. It calls `begin` of the watch where the section begins; yields 0.
  [[nodiscard]] ChildProcess victim(const std::function<int(StoreWatch&)>& body);
  // Waits for its end. What is wrong with that, or "".
  std::string bury(ChildProcess& victim);
  [[nodiscard]] bool died() const { return died_; }

 private:
  std::string directory_;
  Ledger& ledger_;
  std::uint64_t die_after_;
  bool died_ = false;
};

struct Section {
  std::string name;
  // Runs it, and looks at what is left in both ways: attached to, and rebuilt from its files.
  // Yields what is wrong, or "".
  std::function<std::string(Trial&)> run;
  // How many stores at most, if not TIDELOCK_LONG asks for all: of each file the first ones, the
  // last ones, and some between them by the seed.
  static constexpr std::size_t kAll = ~std::size_t{0};
  std::size_t share = 40;
};

// Runs each section once to see its stores, and then once for each of them that changed a file, up
// to its share. Prints what was found and covered; fails if one was not covered that ought to be,
// or fewer than `at_least` in all, and on anything wrong.
void die_after_every_store(const std::vector<Section>& sections, std::size_t at_least);

// A copy with other inodes, so that no shared state in it is in force.
void copy_directory(const std::string& from, const std::string& to);

}  // namespace tidelock::test
