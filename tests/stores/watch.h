#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/system_call.h"

// Sees every store of this process into mapped files of a directory, and every system call that
// changes one, and dies after the one it is told.
//
// The mappings are made read-only. A store then faults: the handler of the signal makes its mapping
// writable, lets the processor execute that one instruction (the trap flag), and makes it read-only
// again. So all of it is seen, whoever compiled it, and what does not store runs at full speed.
// What other processes store through mappings of their own is not seen.
namespace tidelock::test {

// One store or system call.
struct Event {
  char file[24] = {};        // its name in the directory
  std::uint64_t offset = 0;  // about where
  bool changed = false;      // false: it stored what was there already
  bool store = false;        // false: a system call
};
[[nodiscard]] std::string to_text(const Event& event);

// What was seen of a section, in memory that parent and child share.
struct Ledger {
  static constexpr std::size_t kEventsMax = std::size_t{1} << 15;
  std::uint64_t count = 0;
  Event events[kEventsMax];
};

// One at a time in a process, which must have one thread. x86-64 alone.
class StoreWatch : public os::SystemCallHook {
 public:
  // Whether this machine can.
  [[nodiscard]] static bool works();

  // Dies (SIGKILL) after event `die_after`, counted from 1; 0: never.
  StoreWatch(std::string directory, Ledger& ledger, std::uint64_t die_after);
  ~StoreWatch() override;
  StoreWatch(const StoreWatch&) = delete;
  StoreWatch& operator=(const StoreWatch&) = delete;

  // What is between the two counts.
  void begin();
  void end();

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override;
  void after(const os::SystemCallEvent& event) override;

  // For the signal handlers. False: no store of ours.
  bool on_fault(std::byte* address, void* context);
  void on_trap(void* context);

 private:
  struct Range {
    std::byte* begin = nullptr;
    std::size_t size = 0;
    char file[24] = {};
  };
  // What an instruction may change, before and after the address that faulted.
  static constexpr std::size_t kBefore = 64;
  static constexpr std::size_t kWindow = 192;

  void find_mappings();
  [[nodiscard]] bool is_inside(std::string_view path) const;
  [[nodiscard]] std::string_view name_of(std::string_view path) const;
  void note(std::string_view file, std::uint64_t offset, bool changed, bool store);
  bool emulate(const Range& range, void* context);

  std::string directory_;
  Ledger& ledger_;
  std::uint64_t die_after_;
  bool active_ = false;
  bool creates_ = false;  // the open that is under way
  bool torn_ = false;     // the write that is under way is cut short, and the last thing done
  std::vector<Range> ranges_;
  const Range* stepped_ = nullptr;  // its store is being executed
  std::byte* window_ = nullptr;
  std::size_t window_size_ = 0;
  std::array<std::byte, kWindow> window_before_{};
};

}  // namespace tidelock::test
