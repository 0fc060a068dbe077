#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <thread>

#include "environment/crew.h"
#include "state/layout.h"
#include "support/temporary_directory.h"

// Two libraries on one database: the same one twice in a process, and another release's, whose
// shared state is laid out otherwise.
namespace tidelock::test {
namespace {

const bool kCounted = Tally::begin({.as_root = 5, .otherwise = 5, .acknowledged = 3'000});

namespace fs = std::filesystem;

class ReleaseTest : public testing::Test {
 protected:
  [[nodiscard]] std::string db() const { return directory_.file("db"); }
  [[nodiscard]] std::string state() const { return db() + "/STATE"; }
  const TemporaryDirectory directory_{Where::kMemory};
};

struct SecondCopy {
  void* handle = ::dlopen(TIDELOCK_SECOND_COPY, RTLD_NOW | RTLD_LOCAL);
  template <typename Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(::dlsym(handle, name));
  }
};

// Closing a file through one of them would drop all locks of the process, were they not those of
// open file descriptions.
TEST_F(ReleaseTest, TheLibraryMayBeTwiceInOneProcess) {
  play([this]() -> Words {
    const SecondCopy copy;
    if (copy.handle == nullptr) return ::dlerror();
    const auto second_open = copy.function<int(const char*)>("second_open");
    const auto second_put = copy.function<int(const char*, const char*)>("second_put");
    const auto second_increment = copy.function<int(const char*)>("second_increment");
    const auto second_close = copy.function<void()>("second_close");
    Options options;
    options.mode = OpenMode::kCreate;
    options.fixed.memtable_size = std::size_t{1} << 20;
    Result<Db> mine = Db::open(db(), options);
    if (!mine || !mine->put("n", "0").ok() || second_open(db().c_str()) != 0) return "no open";

    constexpr int kTimes = 2'000;
    int failures = 0;
    std::thread other([&] {
      for (int i = 0; i < kTimes; ++i) failures += second_increment("n") == 0 ? 0 : 1;
    });
    for (int i = 0; i < kTimes;) {
      const auto before = mine->get("n");
      const auto done = mine->put_if("n", **before, std::to_string(std::stoi(**before) + 1));
      i += done && *done ? 1 : 0;
    }
    other.join();
    if (failures > 0) return "a call of the second failed";
    if (mine->get("n").value() != std::to_string(2 * kTimes))
      return "they do not exclude each other";

    const pid_t child = ::fork();
    if (child == 0) {
      const bool forked = mine->put("k", "v").code() == StatusCode::kForked &&
                          second_put("k", "v") == static_cast<int>(StatusCode::kForked);
      ::_exit(forked ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!exited_with(status, 0)) return "a fork is not told";

    second_close();
    ::dlclose(copy.handle);
    const Words seen = apart([this]() -> Words {  // forks, and nothing of the second is left
      if (Db::destroy(db()).code() != StatusCode::kBusy) return "its locks are gone";
      Result<Db> third = Db::open(db());
      if (!third || !third->put("third", "v").ok()) return "it does not open";
      const auto info = third->lock_info();
      int alive = 0;
      for (const LockMember& member : info->members) alive += member.alive ? 1 : 0;
      return alive == 2 ? "" : std::to_string(alive) + " are attached";
    });
    if (!seen.empty()) return seen;
    return mine->put("after", "v").ok() && mine->exists("third").value() ? "" : "it does not go on";
  });
}

// What is in the header of STATE at that place, otherwise than this release has it.
void change(const std::string& path, std::size_t offset) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  std::uint64_t word = 0;
  (void)!::pread(file, &word, sizeof word, static_cast<off_t>(offset));
  word ^= 1;
  (void)!::pwrite(file, &word, sizeof word, static_cast<off_t>(offset));
  ::close(file);
}

class LayoutTest : public ReleaseTest {
 protected:
  // Those at work stand for the other release from now on. `undo` lets them close.
  void expect_refusal(const std::function<void()>& make_other, const std::function<void()>& undo) {
    play([&, this]() -> Words {
      Crew crew({.directory = db()});
      if (Words words = crew.works(); !words.empty()) return words;
      make_other();
      Options options;
      options.wait.deadline = std::chrono::milliseconds(300);
      const Status writing = Db::open(db(), options).status();
      if (writing.code() != StatusCode::kTimedOut) return "writing: " + writing.to_string();
      if (writing.message().find(db()) == std::string::npos) return writing.to_string();
      options.access = Access::kReadOnly;
      const Status reading = Db::open(db(), options).status();
      if (reading.code() != StatusCode::kUnsupported) return "reading: " + reading.to_string();
      if (reading.message().find("release") == std::string::npos) return reading.to_string();
      if (Words words = crew.works(); !words.empty()) return "they are disturbed: " + words;
      if (undo) undo();
      if (Words words = crew.stop(); !words.empty()) return words;
      return crew.all_there(db());
    });
  }
};

TEST_F(LayoutTest, ThatIsAnotherReleasesIsRefusedWhileItIsInUse) {
  expect_refusal([this] { change(state(), offsetof(state::Header, layout_hash)); }, nullptr);
}

TEST_F(LayoutTest, OfAnotherSizeIsRefusedWhileItIsInUse) {
  expect_refusal([this] { fs::resize_file(state(), state::kFileSize + 4096); }, nullptr);
}

// A reader that was there before is told, but not kept waiting by each read; and answers again once
// it cannot be told any more what those others do.
TEST_F(LayoutTest, ThatIsAnotherReleasesHoldsUpOneReadAndNotAllThatFollow) {
  play([this]() -> Words {
    Crew before({.directory = db(), .name = "before"});
    if (Words words = before.works(); !words.empty()) return words;
    if (Words words = before.stop(); !words.empty()) return words;
    fs::remove(state());  // so that the reader follows none
    Options options;
    options.access = Access::kReadOnly;
    Result<Db> reader = Db::open(db(), options);
    if (!reader || !reader->exists("k")) return "it cannot be read";
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    change(state(), offsetof(state::Header, layout_hash));
    const auto is_told = [&] {
      return reader->exists("k").status().code() == StatusCode::kUnsupported;
    };
    if (!comes_true(is_told)) return "it is not told";
    constexpr int kReads = 10;
    int long_ones = 0;
    for (int i = 0; i < kReads; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      if (!is_told()) return "it is told no more";
      const auto taken = std::chrono::steady_clock::now() - begun;
      long_ones += taken > std::chrono::milliseconds(100) ? 1 : 0;
    }
    if (long_ones > kReads / 2) return std::to_string(long_ones) + " reads had to wait";

    fs::remove(state());
    if (!comes_true([&] { return reader->exists("k").has_value(); })) return "STATE is gone";
    fs::create_symlink("elsewhere", state());
    if (!reader->refresh().ok()) return "a link, to one who was there";
    if (Words words = before.all_there(db(), options); !words.empty()) return "a link: " + words;
    fs::remove(state());
    return crew.stop();
  });
}

TEST_F(LayoutTest, ThatIsLeftFromAnotherReleaseIsMadeAnew) {
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    const std::function<void()> others[] = {
        [this] { change(state(), offsetof(state::Header, layout_hash)); },
        [this] { fs::resize_file(state(), state::kFileSize + 4096); },
        [this] { fs::resize_file(state(), 512); },
        [this] { change(db() + "/QUEUE", 0); },
        [this] { fs::resize_file(db() + "/QUEUE", 512); },
    };
    Options reader;
    reader.access = Access::kReadOnly;
    for (const auto& make_other : others) {
      make_other();
      if (Words words = crew.all_there(db(), reader); !words.empty()) return "reading: " + words;
      make_other();
      make_other();
      if (Words words = crew.all_there(db()); !words.empty()) return words;
    }
    return "";
  });
}

}  // namespace
}  // namespace tidelock::test
