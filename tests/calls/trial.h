#pragma once

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "os/system_call.h"
#include "support/child_process.h"
#include "support/shared_value.h"

namespace tidelock::test {

// One in so many cases of a release build is tried.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::uint64_t kShare = 5;
#else
inline constexpr std::uint64_t kShare = 1;
#endif

// The number that the environment gives, for longer runs; else `otherwise`.
inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// What a child has to say to its parent.
struct Note {
  char text[2000] = {};
  void write(const std::string& what) { std::strncpy(text, what.c_str(), sizeof text - 1); }
};

// Runs `body` in a child that cannot outlive this process, and has 30 seconds. What it returns, or
// what became of it instead.
inline std::string in_child(Note& note, const std::function<std::string()>& body) {
  constexpr unsigned kSecondsMax = 30;
  note.text[0] = '\0';
  ChildProcess child([&] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(kSecondsMax);
    note.write(body());
    return 0;
  });
  const int status = child.wait();
  if (killed_by(status, SIGALRM)) return "it hangs; " + std::string(note.text);
  if (WIFSIGNALED(status)) return "it died of signal " + std::to_string(WTERMSIG(status));
  if (!exited_with(status, 0)) return "it exited; " + std::string(note.text);
  return note.text;
}

// The system calls of a life, in order.
struct Trace {
  static constexpr std::uint64_t kCallsMax = 20'000;
  struct Call {
    os::SystemCall call;
    std::uint64_t length;
    bool after_stores;  // what several processes map has changed since the call before
    bool changes;       // what outlives the process
    char file[40];
  };
  std::atomic<std::uint64_t> count{0};
  Call calls[kCallsMax];

  [[nodiscard]] const Call& at(std::uint64_t number) const { return calls[number - 1]; }
};

// Writes down the calls of this process, and stores into the shared files of `directory`.
class Tracer : public os::SystemCallHook {
 public:
  Tracer(Trace& trace, std::string directory);
  ~Tracer() override;
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override;
  void after(const os::SystemCallEvent& event) override;

 private:
  Trace& trace_;
  std::string directory_;
  std::uint64_t digest_ = 0;
  bool existed_ = false;
};

[[nodiscard]] const char* name_of(os::SystemCall call);
[[nodiscard]] std::string to_text(const Trace& trace, std::uint64_t number);

}  // namespace tidelock::test
