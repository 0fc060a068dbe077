#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "environment/crew.h"
#include "os/crash_point.h"
#include "support/temporary_directory.h"

// A process that has a database open makes children, in every way there is, or becomes another
// program.
namespace tidelock::test {
namespace {

const bool kCounted = Tally::begin({.as_root = 8, .otherwise = 8});

namespace fs = std::filesystem;

Options small() {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  options.fixed.memtable_size = std::size_t{1} << 20;
  return options;
}

// A child in every way there is, which goes on after its parent. It tells its pid.
struct Way {
  const char* name;
  bool keeps_the_lock;  // until it ends
  pid_t (*start)();
};

pid_t by_fork() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  return child;
}
pid_t by_fork_and_exec() {
  const pid_t child = ::fork();
  if (child == 0) ::execl("/bin/sleep", "sleep", "60", nullptr);
  return child;
}
pid_t by_vfork_and_exec() {
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execl("/bin/sleep", "sleep", "60", nullptr);
    ::_exit(1);
  }
  return child;
}
pid_t by_spawn() {
  char name[] = "sleep";
  char seconds[] = "60";
  char* const words[] = {name, seconds, nullptr};
  pid_t child = 0;
  return ::posix_spawn(&child, "/bin/sleep", nullptr, nullptr, words, environ) == 0 ? child : -1;
}
pid_t by_clone_and_exec() {
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) ::execl("/bin/sleep", "sleep", "60", nullptr);
  return child;
}
// Behind the C library's back: no handler runs, and the child has all descriptors.
pid_t by_clone() {
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    for (;;) ::pause();
  }
  return child;
}

constexpr Way kWays[] = {{"fork", false, by_fork},
                         {"fork_and_exec", false, by_fork_and_exec},
                         {"vfork_and_exec", false, by_vfork_and_exec},
                         {"spawn", false, by_spawn},
                         {"clone_and_exec", false, by_clone_and_exec},
                         {"clone", true, by_clone}};

class ParentTest : public testing::Test {
 protected:
  [[nodiscard]] std::string db() const { return directory_.file("db"); }
  const TemporaryDirectory directory_{Where::kMemory};
};

class ChildTest : public ParentTest, public testing::WithParamInterface<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, ChildTest, testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

// Killed inside the writer lock, with a child that lives on.
TEST_P(ChildTest, DoesNotKeepTheLockOfAParentThatIsKilled) {
  play([this]() -> Words {
    const SharedValue<std::atomic<pid_t>> child;
    ChildProcess victim([&, this] {
      Result<Db> mine = Db::open(db(), small());
      if (!mine || !mine->put("acknowledged", "1").ok()) return 1;
      child->store(GetParam().start());
      os::arm_crash_point("commit.published", 1, SIGKILL);
      return mine->put("committed", "2").ok() ? 2 : 3;
    });
    if (const int status = victim.wait(); !killed_by(status, SIGKILL)) return "no victim";
    const Wait patience{.deadline =
                            std::chrono::milliseconds(GetParam().keeps_the_lock ? 300 : 5000)};
    Result<Db> heir = Db::open(db(), small());
    if (!heir) return heir.status().to_string();
    const Status status = heir->put("k", "v", {.durability = {}, .wait = patience});
    ::kill(child->load(), SIGKILL);
    ::waitpid(child->load(), nullptr, 0);
    if (GetParam().keeps_the_lock) {
      if (status.code() != StatusCode::kTimedOut) return "it kept nothing: " + status.to_string();
      if (status.busy()->holder_pid != victim.pid() && status.busy()->holder_pid == 0) {
        return "nobody is named: " + status.to_string();
      }
      if (Status again = heir->put("k", "v"); !again.ok()) return again.to_string();
    } else if (!status.ok()) {
      return status.to_string();
    }
    for (const char* key : {"acknowledged", "committed", "k"}) {
      if (!heir->exists(key).value()) return std::string(key) + " is lost";
    }
    return "";
  });
}

TEST_F(ParentTest, AChildMadeBehindTheLibrarysBackIsForkedAndOpensAnew) {
  play([this]() -> Words {
    Result<Db> mine = Db::open(db(), small());
    if (!mine || !mine->put("k", "v").ok()) return "it does not work";
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0) {
      const bool forked = mine->put("k", "w").code() == StatusCode::kForked &&
                          mine->get("k").status().code() == StatusCode::kForked;
      Result<Db> own = Db::open(db());
      ::_exit(forked && own && own->put("own", "1").ok() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!exited_with(status, 0)) return "the child is wrong";
    if (!mine->put("after", "1").ok()) return "the parent is disturbed";
    return mine->get("own").value() ? "" : "what the child wrote is not seen";
  });
}

void exec_sleep(const char* point) {
  if (std::string_view(point) == "commit.published") ::execl("/bin/sleep", "sleep", "60", nullptr);
}

TEST_F(ParentTest, AnotherProgramInItsPlaceEndsAnAttachment) {
  play([this]() -> Words {
    ChildProcess victim([this] {
      Result<Db> mine = Db::open(db(), small());
      if (!mine || !mine->put("acknowledged", "1").ok()) return 1;
      os::set_crash_point_visitor(exec_sleep);
      return mine->put("committed", "2").ok() ? 2 : 3;
    });
    const auto replaced = [&] {
      std::ifstream in("/proc/" + std::to_string(victim.pid()) + "/comm");
      std::string name;
      return in >> name && name == "sleep";
    };
    if (!comes_true(replaced)) return "no exec";
    for (const auto& entry :
         fs::directory_iterator("/proc/" + std::to_string(victim.pid()) + "/fd")) {
      if (fs::read_symlink(entry).string().starts_with(db())) return "it has a descriptor still";
    }
    Result<Db> heir = Db::open(db());
    if (!heir) return heir.status().to_string();
    if (Status status = heir->put("k", "v"); !status.ok()) return status.to_string();
    return heir->exists("committed").value() ? "" : "a commit is lost";
  });
}

}  // namespace
}  // namespace tidelock::test
