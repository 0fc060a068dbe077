// Each system call of a database's life fails, with each error that it can end with; and so does
// each request for memory.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "calls/heap.h"
#include "calls/injection.h"
#include "calls/judge.h"
#include "calls/life.h"
#include "calls/trial.h"
#include "lsm/context.h"
#include "os/clock.h"
#include "support/seed.h"
#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

using Kind = Injection::Kind;

constexpr std::uint64_t kFailures = 1'800;

// What came of all cases; the children count.
struct Counts {
  std::atomic<std::uint64_t> met{0};       // calls that failed
  std::atomic<std::uint64_t> cases{0};     // in which one did
  std::atomic<std::uint64_t> told{0};      // in which somebody was told
  std::atomic<std::uint64_t> reopened{0};  // in which the handle was of no use afterwards
};

// What a process holds of the kernel and of the heap.
struct Holdings {
  std::ptrdiff_t descriptors;
  std::ptrdiff_t mappings;  // of files in the directory
  std::int64_t blocks;

  static Holdings of(const std::string& directory) {
    Holdings holdings{};
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find(directory) != std::string::npos) ++holdings.mappings;
    }
    maps.close();
    namespace fs = std::filesystem;
    holdings.descriptors =
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    holdings.blocks = blocks_in_use();
    return holdings;
  }
  [[nodiscard]] std::string more_than(const Holdings& before) const {
    const auto leaked = [](std::int64_t now, std::int64_t then, const char* what) {
      return now == then ? std::string() : std::to_string(now - then) + " " + what + " leaked";
    };
    std::string leaks = leaked(descriptors, before.descriptors, "descriptors");
    if (leaks.empty()) leaks = leaked(mappings, before.mappings, "mappings");
    if (leaks.empty()) leaks = leaked(blocks, before.blocks, "blocks of memory");
    return leaks;
  }
};

// Hears what each call answers, judges errors, and has what failed made again once nothing fails.
class Audience {
 public:
  // `lift` ends failures that do not last, and says whether one is to be told.
  Audience(const std::string& directory, int error, bool lasting, std::function<bool()> lift)
      : directory_(directory),
        lock_file_(directory + "/LOCK"),
        error_(error),
        lasting_(lasting),
        lift_(std::move(lift)) {}

  Life::Next hear(const char* operation, const Status& status) {
    if (is_any_job_held()) find("a job's byte is still locked after", operation);
    if (status.ok() || is_done(operation, status)) {
      tries_ = 0;
      return Life::Next::kOn;
    }
    ++told_;
    const std::string said = std::string(operation) + ": " + status.to_string();
    if (!names_a_path(status.message())) find("it names no path", said);
    if (told_ == 1 && status.message().find(std::strerror(error_)) == std::string::npos) {
      find("it names no cause", said);
    }
    if (!lift_()) find("it was to be hidden", said);
    if (lasting_ || !found_.empty()) return Life::Next::kOn;
    if (status.code() == StatusCode::kNotDurable) os::sleep_for(kHealing);
    if (++tries_ <= kTriesMax) return Life::Next::kAgain;
    if (tries_ == kTriesMax + 1) {
      ++reopened_;
      return Life::Next::kReopen;
    }
    find("it does not work again", said);
    return Life::Next::kOn;
  }

  [[nodiscard]] const std::string& found() const { return found_; }
  [[nodiscard]] int told() const { return told_; }
  [[nodiscard]] int reopened() const { return reopened_; }

 private:
  static constexpr int kTriesMax = 5;
  // A log whose sync failed goes to tables when a writer comes by after this time.
  static constexpr std::chrono::milliseconds kHealing{12};

  // A destruction that failed at its end has nothing left to destroy.
  [[nodiscard]] bool is_done(std::string_view operation, const Status& status) const {
    return operation == "destroy" && told_ > 0 && status.code() == StatusCode::kNotFound;
  }
  // The database, the directory around it, or the kernel's own.
  [[nodiscard]] bool names_a_path(const std::string& message) const {
    return message.find(parent_of(directory_)) != std::string::npos ||
           message.find(" /proc/") != std::string::npos;
  }
  // Nobody else is there, and no thread: between calls only `open` and a member are locked.
  [[nodiscard]] bool is_any_job_held() const {
    const int file = ::open(lock_file_.c_str(), O_RDWR | O_CLOEXEC);
    struct flock jobs {};
    jobs.l_type = F_WRLCK;
    jobs.l_start = lsm::kOpenByte + 1;
    jobs.l_len = lsm::kMemberByte - jobs.l_start;
    const bool held = ::fcntl(file, F_OFD_GETLK, &jobs) == 0 && jobs.l_type != F_UNLCK;
    ::close(file);
    return held;
  }
  static std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
  void find(const char* what, const std::string& said) {
    if (found_.empty()) found_ = std::string(what) + ": " + said;
  }

  const std::string& directory_;
  const std::string lock_file_;  // kept, so that hearing asks for no memory
  int error_;
  bool lasting_;
  std::function<bool()> lift_;
  int tries_ = 0;
  int told_ = 0;
  int reopened_ = 0;
  std::string found_;
};

struct Case {
  const Chapter* chapter;
  Injection injection;
};

std::string to_text(const Case& tried, const Trace& trace) {
  constexpr const char* kKinds[] = {"once", "until told", "for ever", "cut short"};
  return std::string(tried.chapter->name) + ", " + to_text(trace, tried.injection.call) + " " +
         name_of_error(tried.injection.error) + ", " +
         kKinds[static_cast<int>(tried.injection.kind)];
}

class CallFailureTest : public testing::Test {
 protected:
  void prepare(const std::string& path, const Chapter& chapter) {
    image_.prepare(path, chapter.start, *journal_);
    journal_->syncs_may_fail = true;
  }

  // In this process, so that what is made once a process is made before the children are. How often
  // it asked for memory.
  std::uint64_t live_through(const Chapter& chapter,
                             const std::function<void(const std::string&)>& arm) {
    const TemporaryDirectory directory(Where::kMemory);
    prepare(directory.file("db"), chapter);
    Life life(directory.file("db"), *journal_, [](const char* operation, const Status& status) {
      EXPECT_TRUE(status.ok()) << operation << ": " << status.to_string();
      return Life::Next::kOn;
    });
    arm(directory.file("db"));
    const std::uint64_t before = blocks_asked_for();
    (life.*chapter.run)();
    const std::uint64_t requests = blocks_asked_for() - before;
    os::set_system_call_hook(nullptr);
    EXPECT_EQ(life.wrong(), "") << chapter.name;
    return requests;
  }

  // Lives that chapter in a child, as `live` says, and judges what is left. What is wrong.
  std::string attempt(const Chapter& chapter,
                      const std::function<std::string(const std::string& path)>& live) {
    const TemporaryDirectory directory(Where::kMemory);
    const std::string path = directory.file("db");
    prepare(path, chapter);
    return in_child(*note_, [&] {
      const Holdings before = Holdings::of(path);
      std::string wrong = live(path);
      const Holdings after = Holdings::of(path);
      if (wrong.empty()) wrong = after.more_than(before);
      return wrong.empty() ? judge_directory(path, *journal_) : wrong;
    });
  }

  std::string live_with_failures(const std::string& path, const Case& tried) {
    Injector injector(tried.injection);
    Audience audience(path, tried.injection.error, tried.injection.kind == Kind::kForEver,
                      [&] { return injector.lift(); });
    Life life(path, *journal_, [&](const char* operation, const Status& status) {
      return audience.hear(operation, status);
    });
    (life.*tried.chapter->run)();
    count(injector.met(), audience);
    return audience.found().empty() ? life.wrong() : audience.found();
  }

  std::string live_without_memory(const std::string& path, const Chapter& chapter,
                                  std::uint64_t request) {
    Audience audience(path, ENOMEM, false, [] { return true; });
    Life life(path, *journal_, [&](const char* operation, const Status& status) {
      return audience.hear(operation, status);
    });
    refuse_block(request);
    try {
      (life.*chapter.run)();
    } catch (const std::bad_alloc&) {  // a request of the test itself
    }
    count(has_refused() ? 1 : 0, audience);
    refuse_block(0);
    return audience.found().empty() ? life.wrong() : audience.found();
  }

  void count(std::uint64_t met, const Audience& audience) {
    counts_->met += met;
    counts_->cases += met > 0 ? 1 : 0;
    counts_->told += audience.told() > 0 ? 1 : 0;
    counts_->reopened += audience.reopened() > 0 ? 1 : 0;
  }

  void print_counts(const char* what, std::size_t all, std::uint64_t tried) const {
    std::printf("%s: %zu cases, %llu tried; %llu failures in %llu, %llu told, %llu reopened\n",
                what, all, static_cast<unsigned long long>(tried),
                static_cast<unsigned long long>(counts_->met),
                static_cast<unsigned long long>(counts_->cases),
                static_cast<unsigned long long>(counts_->told),
                static_cast<unsigned long long>(counts_->reopened));
  }

  // Each case met its failure, and no handle was of no use afterwards.
  void expect_counts(std::uint64_t wanted, std::uint64_t told_min) const {
    EXPECT_EQ(counts_->cases, wanted);
    EXPECT_GE(counts_->told, told_min);
    EXPECT_EQ(counts_->reopened, 0U);
  }

  Image image_;
  SharedValue<Journal> journal_;
  SharedValue<Note> note_;
  SharedValue<Counts> counts_;
  std::mt19937_64 random_{random_seed()};
};

TEST_F(CallFailureTest, EndsInAnErrorThatSaysWhyAndLosesAndLeaksNothing) {
  std::vector<std::unique_ptr<SharedValue<Trace>>> traces;
  std::map<const Chapter*, const Trace*> trace_of;
  std::vector<Case> cases;
  for (const Chapter& chapter : kChapters) {
    Trace& trace = **traces.emplace_back(std::make_unique<SharedValue<Trace>>());
    std::optional<Tracer> tracer;
    (void)live_through(chapter, [&](const std::string& path) { tracer.emplace(trace, path); });
    trace_of[&chapter] = &trace;
    for (std::uint64_t call = 1; call <= trace.count.load(); ++call) {
      const Trace::Call& made = trace.at(call);
      for (const int error : errors_of(made.call)) {
        for (const Kind kind : {Kind::kOnce, Kind::kUntilTold, Kind::kForEver}) {
          cases.push_back({&chapter, {call, error, kind}});
        }
      }
      const bool cuttable =
          made.call == os::SystemCall::kRead || made.call == os::SystemCall::kWrite;
      if (cuttable && made.length > 1) cases.push_back({&chapter, {call, 0, Kind::kShort}});
    }
  }
  std::shuffle(cases.begin(), cases.end(), random_);
  const std::uint64_t wanted =
      std::min<std::uint64_t>(setting("TIDELOCK_FAILURES", kFailures) / kShare, cases.size());
  for (const Case& tried : std::span(cases).first(wanted)) {
    const std::string wrong = attempt(
        *tried.chapter, [&](const std::string& path) { return live_with_failures(path, tried); });
    EXPECT_EQ(wrong, "") << to_text(tried, *trace_of[tried.chapter]);
  }
  print_counts("calls", cases.size(), wanted);
  expect_counts(wanted, wanted / 3);
}

// The exception leaves the call; what it was about may be done or not.
TEST_F(CallFailureTest, WithoutMemoryThrowsAndLosesAndLeaksNothing) {
  std::vector<std::pair<const Chapter*, std::uint64_t>> cases;
  for (const Chapter& chapter : kChapters) {
    (void)live_through(chapter, [](const std::string&) {});
    const std::uint64_t requests = live_through(chapter, [](const std::string&) {});
    for (std::uint64_t request = 1; request <= requests; ++request) {
      cases.emplace_back(&chapter, request);
    }
  }
  std::shuffle(cases.begin(), cases.end(), random_);
  const std::uint64_t wanted =
      std::min<std::uint64_t>(setting("TIDELOCK_FAILURES", kFailures) / 5 / kShare, cases.size());
  for (const auto& [chapter, request] : std::span(cases).first(wanted)) {
    const std::string wrong = attempt(*chapter, [&](const std::string& path) {
      return live_without_memory(path, *chapter, request);
    });
    EXPECT_EQ(wrong, "") << chapter->name << ", request " << request;
  }
  print_counts("requests for memory", cases.size(), wanted);
  expect_counts(wanted, wanted / 2);
}

}  // namespace
}  // namespace tidelock::test
