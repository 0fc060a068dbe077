#pragma once

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "os/system_call.h"
#include "tidelock/status.h"

namespace tidelock::test {

// While it lives, the system calls of one kind on paths that end in `suffix` get this verdict: they
// fail, or are cut short. Only in the process that made it, and its later children.
class Fault : public os::SystemCallHook {
 public:
  Fault(os::SystemCall call, os::SystemCallVerdict verdict, std::string suffix = {})
      : call_(call), verdict_(verdict), suffix_(std::move(suffix)) {
    os::set_system_call_hook(this);
  }
  ~Fault() override { os::set_system_call_hook(nullptr); }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (event.call != call_ || !event.path.ends_with(suffix_)) return {};
    ++calls_;
    return verdict_;
  }
  void after(const os::SystemCallEvent&) override {}

  // How many it met.
  [[nodiscard]] int calls() const { return calls_; }

 private:
  os::SystemCall call_;
  os::SystemCallVerdict verdict_;
  std::string suffix_;
  std::atomic<int> calls_{0};
};

// While it lives, it is asked before each system call which error that ends with; 0: none.
class OnSystemCall : public os::SystemCallHook {
 public:
  using Decide = std::function<int(const os::SystemCallEvent&)>;
  explicit OnSystemCall(Decide decide) : decide_(std::move(decide)) {
    os::set_system_call_hook(this);
  }
  ~OnSystemCall() override { os::set_system_call_hook(nullptr); }
  OnSystemCall(const OnSystemCall&) = delete;
  OnSystemCall& operator=(const OnSystemCall&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    return {.error = decide_(event)};
  }
  void after(const os::SystemCallEvent&) override {}

 private:
  Decide decide_;
};

// What is tried again and again, with one system call more that succeeds each time before one fails
// with EIO, until all succeed. Yields how many failed.
struct EachCallFails {
  std::function<void()> prepare;
  std::function<Status()> act;
  std::function<void(const Status&)> judge;

  int run() const {
    for (int failing = 0;; ++failing) {
      prepare();
      std::atomic<int> calls = 0;
      Status status;
      {
        const OnSystemCall hook(
            [&](const os::SystemCallEvent&) { return calls++ == failing ? EIO : 0; });
        status = act();
      }
      judge(status);
      if (calls <= failing) return failing;
    }
  }
};

}  // namespace tidelock::test
