#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "os/system_call.h"

namespace tidelock::test {

// The errors that a call can end with.
[[nodiscard]] std::vector<int> errors_of(os::SystemCall call);
[[nodiscard]] const char* name_of_error(int error);

// What is done to a life.
struct Injection {
  enum class Kind : std::uint8_t {
    kOnce,
    kUntilTold,  // every call from then on that can fail so, until somebody is told
    kForEver,
    kShort,  // reads or writes one byte of many
  };
  std::uint64_t call = 0;  // the N-th
  int error = 0;
  Kind kind = Kind::kOnce;
};

class Injector : public os::SystemCallHook {
 public:
  explicit Injector(Injection injection) : injection_(injection) { os::set_system_call_hook(this); }
  ~Injector() override { os::set_system_call_hook(nullptr); }
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override;
  void after(const os::SystemCallEvent&) override {}

  // Ends failures that do not last for ever. True if there was more than transfers cut short, and
  // interruptions of calls that can be made again.
  bool lift();
  // Calls that it made fail.
  [[nodiscard]] std::uint64_t met() const { return met_; }

 private:
  [[nodiscard]] bool is_due() const;

  Injection injection_;
  std::uint64_t calls_ = 0;
  std::uint64_t met_ = 0;
  bool lifted_ = false;
  bool to_be_told_ = false;
};

}  // namespace tidelock::test
