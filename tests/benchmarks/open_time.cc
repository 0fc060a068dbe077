// How long opening takes with a full 64 MiB memtable: while others have it open, and after they
// were all killed.
//   open_time DIRECTORY

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "tidelock/db.h"

namespace {

// A child that fills most of a memtable and stays attached; -1 if it could not.
pid_t start_writer(const char* path) {
  int ready[2];
  if (::pipe(ready) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    tidelock::Options options;
    options.mode = tidelock::OpenMode::kCreateIfMissing;
    auto db = tidelock::Db::open(path, options);
    const std::string value(100, 'v');
    for (int i = 0; db && i < 330'000; ++i) {
      if (!db->put("key" + std::to_string(1'000'000'000 + i), value).ok()) ::_exit(1);
    }
    (void)!::write(ready[1], "r", 1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char byte;
  const bool filled = ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
  return filled ? child : -1;
}

double open_once(const char* path) {
  const auto begin = std::chrono::steady_clock::now();
  auto db = tidelock::Db::open(path);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (!db) {
    std::fprintf(stderr, "%s\n", db.status().to_string().c_str());
    std::exit(1);
  }
  return took.count();
}

void report(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("%-44s median %.3f ms, max %.3f ms of %zu\n", what, times[times.size() / 2],
              times.back(), times.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const pid_t writer = start_writer(argv[1]);
  if (writer < 0) return 1;
  std::vector<double> beside;
  for (int i = 0; i < 100; ++i) beside.push_back(open_once(argv[1]));
  report("opening what others have open", beside);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  // Each opener is killed in turn, so that the next one finds what a crash left.
  std::vector<double> after;
  for (int i = 0; i < 100; ++i) {
    int answer[2];
    if (::pipe(answer) != 0) return 1;
    const pid_t child = ::fork();
    if (child == 0) {
      const auto begin = std::chrono::steady_clock::now();
      auto db = tidelock::Db::open(argv[1]);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      const double result = db ? took.count() : -1;
      (void)!::write(answer[1], &result, sizeof result);
      ::raise(SIGKILL);
    }
    double result = -1;
    (void)!::read(answer[0], &result, sizeof result);
    ::waitpid(child, nullptr, 0);
    ::close(answer[0]);
    ::close(answer[1]);
    if (result < 0) return 1;
    after.push_back(result);
  }
  report("opening what a crash left, without a reboot", after);
  return 0;
}
