#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <new>
#include <thread>

#include "environment/crew.h"
#include "os/crash_point.h"
#include "support/temporary_directory.h"

// What befalls processes that use a database: no standard streams, core dumps, signals, want of
// memory, an end amid calls, namespaces.
namespace tidelock::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int kLess = 3;  // want of memory, and a core dump
#else
constexpr int kLess = 0;
#endif
// A core is not dumped everywhere.
const bool kCounted =
    Tally::begin({.as_root = 8 - kLess, .otherwise = 6 - kLess, .acknowledged = 1'500});

namespace fs = std::filesystem;

Options small() {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  options.fixed.memtable_size = std::size_t{1} << 20;
  return options;
}

class ProcessTest : public testing::Test {
 protected:
  [[nodiscard]] std::string db() const { return directory_.file("db"); }
  const TemporaryDirectory directory_{Where::kMemory};
};

// "" if all descriptors on the database are above 2 and close-on-exec, and all mappings stay out of
// core dumps and of children.
Words descriptors_and_mappings_of(const std::string& database) {
  int descriptors = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (!fs::read_symlink(entry, gone).string().starts_with(database)) continue;
    const int descriptor = std::stoi(entry.path().filename());
    const bool closes = (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
    if (descriptor <= 2 || !closes) return "descriptor " + std::to_string(descriptor);
    ++descriptors;
  }
  int mappings = 0;
  bool ours = false;
  std::ifstream in("/proc/self/smaps");
  for (std::string line; std::getline(in, line);) {
    if (line.find(" /") != std::string::npos) ours = line.find(database) != std::string::npos;
    if (!ours || !line.starts_with("VmFlags:")) continue;
    ours = false;
    ++mappings;
    if (line.find(" dd") == std::string::npos) return "a mapping is dumped: " + line;
    if (line.find(" dc") == std::string::npos) return "a mapping is inherited: " + line;
  }
  return descriptors >= 3 && mappings >= 3 ? "" : "too few to tell";
}

TEST_F(ProcessTest, WithoutStandardStreamsNothingIsPrintedIntoADatabase) {
  play([this]() -> Words {
    for (const int stream : {0, 1, 2}) ::close(stream);
    Options options = small();
    options.event_log = true;
    Result<Db> mine = Db::open(db(), options);
    if (!mine) return mine.status().to_string();
    for (int i = 0; i < 2'000; ++i) {
      if (!mine->put(std::to_string(i), std::string(1'000, 'v')).ok()) return "no write";
      for (const int stream : {0, 1, 2}) (void)!::write(stream, "printed", 7);
    }
    if (!mine->flush().ok() || !mine->compact().ok()) return "no flush";
    if (Words words = descriptors_and_mappings_of(db()); !words.empty()) return words;
    const auto report = mine->check();
    return report && report->problems.empty() ? "" : "damaged";
  });
}

// The heap is the application's: it is dumped, and while it is the lock stays held. The database's
// mappings are not, however large.
TEST_F(ProcessTest, ACoreDumpInsideTheLockLeavesMappingsOut) {
#if defined(__SANITIZE_ADDRESS__)
  return expect_fine(not_tried("the sanitizer's own memory would be dumped"));
#endif
  play([this]() -> Words {
    const std::string cores = directory_.file("cores");
    fs::create_directory(cores);
    Options options = small();
    options.fixed.memtable_size = std::size_t{64} << 20;
    ChildProcess victim([&, this] {
      const rlimit most{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
      ::setrlimit(RLIMIT_CORE, &most);
      if (::chdir(cores.c_str()) != 0) return 1;
      const std::string heap(std::size_t{8} << 20, 'h');
      Result<Db> mine = Db::open(db(), options);
      if (!mine || !mine->put("acknowledged", heap).ok()) return 2;
      for (const char* const key : {"1", "2", "3", "4"}) {
        if (!mine->put(key, heap).ok()) return 2;
      }
      os::arm_crash_point("commit.published", 1, SIGABRT);
      return mine->put("committed", "2").ok() ? 3 : 4;
    });
    Result<Db> heir = Db::open(db(), options);
    if (!heir) return heir.status().to_string();
    if (const int status = victim.wait(); !killed_by(status, SIGABRT)) return "no abort";
    if (Status status = heir->put("k", "v"); !status.ok()) return status.to_string();
    if (!heir->exists("acknowledged").value() || !heir->exists("committed").value()) return "lost";
    for (const auto& entry : fs::directory_iterator(cores)) {
      return entry.file_size() < std::size_t{48} << 20 ? "" : "the mappings were dumped";
    }
    return not_tried("no core is dumped here");
  });
}

std::atomic<std::uint64_t> alarms{0};

// A signal every 200 microseconds that interrupts system calls for good.
Words take_alarms(int) {
  struct sigaction action {};
  action.sa_handler = [](int) { alarms.fetch_add(1, std::memory_order_relaxed); };
  ::sigaction(SIGALRM, &action, nullptr);
  const itimerval often{.it_interval = {0, 200}, .it_value = {0, 200}};
  return ::setitimer(ITIMER_REAL, &often, nullptr) == 0 ? "" : "no timer";
}

TEST_F(ProcessTest, SignalsThatInterruptCallsAreNotNoticed) {
  play([this]() -> Words {
    for (const Durability durability : {Durability::kProcess, Durability::kDurable}) {
      Options options;
      options.durability = durability;
      const std::string name = durability == Durability::kDurable ? "durable" : "process";
      Crew crew({.directory = db(), .options = options, .name = name, .prepare = take_alarms});
      for (int round = 0; round < 10; ++round) {
        if (Words words = crew.works(); !words.empty()) return words;
      }
      if (Words words = crew.stop(); !words.empty()) return words;
      take_alarms(0);
      if (Words words = crew.all_there(db()); !words.empty()) return words;
    }
    return alarms.load() > 0 ? "" : "no signal came";
  });
}

// `starve` takes memory away; less and less each time, until opening succeeds.
Words open_while_short_of_memory(const std::string& directory, Background background,
                                 const std::function<bool(int)>& starve) {
  Options options = small();
  options.background = background;
  int refused = 0;
  for (int step = 0; starve(step); ++step) {
    try {
      Result<Db> mine = Db::open(directory, options);
      Status status = mine.status();
      if (mine) status = mine->put("short", "1");
      if (mine && status.ok()) status = mine->flush();
      if (status.ok()) return refused > 0 ? "" : "nothing was short";
      if (status.code() != StatusCode::kLimit) return "got " + status.to_string();
      if (status.message().find(directory) == std::string::npos) return status.to_string();
    } catch (const std::bad_alloc&) {  // the heap's own answer
    }
    ++refused;
  }
  return "it never opens";
}

TEST_F(ProcessTest, WithoutAddressSpaceOpeningSaysSoAndDisturbsNobody) {
#if defined(__SANITIZE_ADDRESS__)
  return expect_fine(not_tried("the sanitizer takes all address space"));
#endif
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    const Words words = apart([this]() -> Words {
      for (const Background background : {Background::kNone, Background::kThread}) {
        std::uint64_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        const auto starve = [pages](int step) {
          const rlimit limit{.rlim_cur = (pages + 64 * static_cast<rlim_t>(step)) * 4096,
                             .rlim_max = RLIM_INFINITY};
          return step < 1'000 && ::setrlimit(RLIMIT_AS, &limit) == 0;
        };
        Words found = open_while_short_of_memory(db(), background, starve);
        if (!found.empty()) return found;
      }
      return "";
    });
    if (!words.empty()) return words;
    if (Words others = crew.works(); !others.empty()) return others;
    if (Words others = crew.stop(); !others.empty()) return others;
    return crew.all_there(db());
  });
}

TEST_F(ProcessTest, WithoutMappingsLeftOpeningSaysSoAndDisturbsNobody) {
#if defined(__SANITIZE_ADDRESS__)
  return expect_fine(not_tried("the sanitizer ends a process that has no mappings left"));
#endif
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    const Words words = apart([this]() -> Words {
      std::vector<void*> hoard;
      for (int protection = PROT_NONE;; protection ^= PROT_READ) {  // neighbours must differ
        void* const page = ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) break;
        hoard.push_back(page);
        if (hoard.size() > 500'000) return not_tried("mappings do not run out here");
      }
      const auto starve = [&hoard](int step) {
        for (int i = 0; step > 0 && i < 2 && !hoard.empty(); ++i) {
          ::munmap(hoard.back(), 4096);
          hoard.pop_back();
        }
        return step < 200;
      };
      return open_while_short_of_memory(db(), Background::kNone, starve);
    });
    if (!words.empty()) return words;
    if (Words others = crew.works(); !others.empty()) return others;
    if (Words others = crew.stop(); !others.empty()) return others;
    return crew.all_there(db());
  });
}

TEST_F(ProcessTest, ThreadsThatComeAndGoLeaveNothingBehind) {
  play([this]() -> Words {
    Result<Db> mine = Db::open(db(), small());
    if (!mine || !mine->put("k", "v").ok() || !mine->get("k")) return "it does not work";
    const auto descriptors = [] {
      return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    };
    const auto before = descriptors();
    std::atomic<int> written{0};
    for (int i = 0; i < 500; ++i) {
      std::thread one([&, i] { written += mine->put(std::to_string(i), "v").ok() ? 1 : 0; });
      std::thread two([&] { (void)mine->get("k"); });
      one.join();
      two.join();
    }
    if (written != 500) return "a write failed";
    return descriptors() == before ? "" : "descriptors are left open";
  });
}

// Main returns, or a handler calls exit, while other threads are inside.
TEST_F(ProcessTest, AnExitAmidCallsOfOtherThreadsEndsTheProcessAndLosesNothing) {
  play([this]() -> Words {
    for (int round = 0; round < 5; ++round) {
      const SharedValue<std::atomic<std::uint64_t>> acknowledged;
      ChildProcess victim([&, this]() -> int {
        static Db* mine = nullptr;  // reachable, and never destroyed
        mine = new Db(std::move(Db::open(db(), small())).value());
        const std::string name = std::to_string(round) + "-";
        std::thread([&acknowledged, name] {
          for (std::uint64_t n = 0; mine->put(name + std::to_string(n), "v").ok(); ++n) {
            acknowledged->store(n + 1);
          }
        }).detach();
        std::thread([] {
          while (mine->flush().ok()) {
          }
        }).detach();
        if (!comes_true([&] { return acknowledged->load() > 500; })) return 1;
        std::exit(42);
      });
      if (!comes_true([&] { return victim.has_ended(); })) return "it does not end";
      if (!exited_with(victim.wait(), 42)) return "it did not end in order";
      Result<Db> heir = Db::open(db());
      if (!heir || !heir->put("k", "v").ok()) return "the next one cannot write";
      for (std::uint64_t n = 0; n < acknowledged->load(); ++n) {
        if (!heir->exists(std::to_string(round) + "-" + std::to_string(n)).value()) return "lost";
      }
    }
    return "";
  });
}

int ending_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::function<int()> dying_with_parent(std::function<int()> body) {
  return [body = std::move(body)] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return body();
  };
}

// In a pid namespace of one's own, where `body` is the first process; or with a clock of its own.
int inside(int namespaces, const std::function<int()>& body) {
  if (::unshare(namespaces) != 0) return 77;
  if (namespaces == CLONE_NEWTIME) {
    std::ofstream offsets("/proc/self/timens_offsets");
    if (!(offsets << "monotonic 1000000 0\n" << std::flush)) return 77;
  }
  // The first process of a pid namespace cannot kill itself, so the second one plays.
  const auto as_second = [&body] {
    return ending_of(ChildProcess(dying_with_parent(body)).wait());
  };
  return ending_of(ChildProcess(dying_with_parent(as_second)).wait());
}

class NamespaceTest : public ProcessTest, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Kinds, NamespaceTest, testing::Values(CLONE_NEWPID, CLONE_NEWTIME),
                         [](const auto& kind) {
                           return kind.param == CLONE_NEWPID ? "Pid" : "Time";
                         });

// Two inside and three outside; one inside is killed in the lock, one sleeps in it.
TEST_P(NamespaceTest, DoesNotMatterToThoseWhoShareADatabase) {
  play([this]() -> Words {
    const int kind = GetParam();
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    ChildProcess killed([&, this] {
      return inside(kind, [this] {
        Result<Db> mine = Db::open(db());
        if (!mine) return 1;
        os::arm_crash_point("commit.published", 200, SIGKILL);
        for (int n = 0;; ++n) {
          if (!mine->put("inside" + std::to_string(n), "v").ok()) return 2;
        }
      });
    });
    const int status = killed.wait();
    if (exited_with(status, 77)) return not_tried("it takes the right to make namespaces");
    if (!exited_with(status, 128 + SIGKILL)) return "inside: " + std::to_string(status);
    if (Words words = crew.works(); !words.empty()) return words;

    const SharedValue<std::atomic<bool>> holds;
    ChildProcess holder([&, this] {
      return inside(kind, [&, this] {
        static std::atomic<bool>* const told = &*holds;
        Result<Db> mine = Db::open(db(), {.label = "inside"});
        if (!mine) return 1;
        os::set_crash_point_visitor([](const char* point) {
          if (std::string_view(point) != "commit.begun") return;
          told->store(true);
          for (;;) ::pause();
        });
        return mine->put("never", "v").ok() ? 1 : 2;
      });
    });
    if (!comes_true([&] { return holds->load(); })) return "nobody holds the lock";
    Result<Db> mine = Db::open(db());
    if (!mine) return mine.status().to_string();
    const Wait brief{.deadline = std::chrono::milliseconds(50)};
    const auto asked = std::chrono::steady_clock::now();
    const Status refused = mine->put("k", "v", {.durability = {}, .wait = brief});
    if (std::chrono::steady_clock::now() - asked > std::chrono::seconds(5)) return "too late";
    if (refused.code() != StatusCode::kTimedOut) return "got " + refused.to_string();
    if (refused.busy()->holder_label != "inside") return "held by " + refused.to_string();
    if (refused.busy()->held_for.count() < 0) return "held for less than nothing";
    holder.send(SIGKILL);
    holder.wait();
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    for (int n = 0; n < 200; ++n) {
      if (!mine->exists("inside" + std::to_string(n)).value()) return "a commit of inside is lost";
    }
    return crew.all_there(*mine);
  });
}

}  // namespace
}  // namespace tidelock::test
