#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "environment/crew.h"
#include "environment/mounts.h"
#include "support/temporary_directory.h"

// One database seen through several mounts, and what mounts keep from a process: the right to
// write, blocks, inodes, /proc. All are made in namespaces of children, so none is left.
namespace tidelock::test {
namespace {

// /proc may be another's, and an overlay not to be had.
const bool kCounted = Tally::begin({.as_root = 6, .acknowledged = 3'000});

namespace fs = std::filesystem;

Options for_reading() {
  Options options;
  options.access = Access::kReadOnly;
  return options;
}

// "" if it was refused so, and the words name the path and `cause`.
Words expect_refused(const Status& status, StatusCode code, const std::string& path,
                     const std::string& cause = "") {
  const std::string text = status.to_string();
  if (status.code() != code) return "not refused so: " + text;
  if (text.find(path) == std::string::npos) return "the path is not named: " + text;
  return text.find(cause) == std::string::npos ? "the cause is not named: " + text : "";
}

std::map<std::string, std::string> contents_of(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream in(entry.path(), std::ios::binary);
    files[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

class MountsTest : public testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }
  [[nodiscard]] std::string db() const { return file("db"); }
  // A play in mounts of its own, with `commands` run before; $D is the scratch directory.
  void play_with(const std::string& commands, const Play& body) {
    play([&]() -> Words {
      if (Words words = take_own_mounts(); !words.empty()) return words;
      if (!shell(commands)) return not_tried("it cannot be mounted so here: " + commands);
      return body();
    });
  }
  [[nodiscard]] bool shell(const std::string& commands) const {
    return run("set -e; D=" + directory_.path() + "; " + commands);
  }

  const TemporaryDirectory directory_{Where::kMemory};
};

TEST_F(MountsTest, ASecondPathLeadsToTheSameDatabase) {
  play_with("mkdir $D/db $D/other; mount --bind $D/db $D/other", [this]() -> Words {
    Crew crew({.directory = db(), .count = 4, .other_way = file("other")});
    if (Words words = crew.works(); !words.empty()) return words;
    crew.kill(0);
    crew.kill(1);
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    if (Words words = crew.all_there(file("other")); !words.empty()) return words;
    return crew.all_there(db());
  });
}

TEST_F(MountsTest, AReadOnlyMountIsReadAndFollowsWhoWritesBesideIt) {
  const char* const kMounts =
      "mkdir $D/db $D/read; mount --bind $D/db $D/read; mount -o remount,bind,ro $D/read";
  play_with(kMounts, [this]() -> Words {
    const std::string read = file("read");
    Options create;
    create.mode = OpenMode::kCreateIfMissing;
    Words words =
        expect_refused(Db::open(read, create).status(), StatusCode::kPermission, read, "ead-only");
    if (!words.empty()) return "nothing there: " + words;
    Crew crew({.directory = db()});
    if (words = crew.works(); !words.empty()) return words;
    Result<Db> reader = Db::open(read, for_reading());
    if (!reader) return reader.status().to_string();
    for (int i = 0; i < 300; ++i) {
      if (!crew.is_seen_by(*reader, i % 3)) return "an acknowledged write is not seen";
      if (i % 100 == 0 && !(words = crew.works()).empty()) return words;
    }
    words = expect_refused(Db::open(read, create).status(), StatusCode::kPermission, read);
    if (!words.empty()) return "beside others: " + words;
    if (words = crew.stop(); !words.empty()) return words;
    words = expect_refused(Db::open(read, create).status(), StatusCode::kPermission, read);
    if (!words.empty()) return "alone: " + words;
    if (words = crew.all_there(*reader); !words.empty()) return "still open: " + words;
    if (words = crew.all_there(read, for_reading()); !words.empty()) return "opened: " + words;
    fs::remove(db() + "/STATE");
    if (words = crew.all_there(read, for_reading()); !words.empty()) return "no STATE: " + words;
    return crew.all_there(db());
  });
}

TEST_F(MountsTest, AMountTakenAwayWhileItIsOpenIsADirectoryThatWasMoved) {
  const char* const kMounts =
      "mkdir $D/disk $D/other; mount -t tmpfs none $D/disk; mount --bind $D/disk $D/other";
  play_with(kMounts, [this]() -> Words {
    Crew crew({.directory = file("disk/db")});
    if (Words words = crew.works(); !words.empty()) return words;
    if (!shell("umount -l $D/disk")) return "no umount";
    if (!comes_true([&] { return !crew.works().empty(); })) return "nobody notices";
    Words words = crew.stop();
    if (words.find("moved") == std::string::npos) return "met " + words;
    if (words.find(file("disk/db")) == std::string::npos) return "no path in " + words;
    if (!fs::is_empty(file("disk"))) return "a file was made beneath the mount";
    return crew.all_there(file("other/db"));
  });
}

constexpr const char* kTwoContainers =
    "mkdir $D/m; mount -t tmpfs none $D/m; cp -r $D/low $D/m/low; mkdir $D/1 $D/2; "
    "for i in 1 2; do mkdir $D/m/up$i $D/m/work$i; "
    "mount -t overlay none -o lowerdir=$D/m/low,upperdir=$D/m/up$i,workdir=$D/m/work$i $D/$i; done";

TEST_F(MountsTest, TwoContainersOverOneLowerLayerHaveADatabaseEach) {
  Crew first({.directory = file("low"), .name = "low"});
  ASSERT_EQ(first.works(), "");
  ASSERT_EQ(first.stop(), "");
  play_with(kTwoContainers, [&, this]() -> Words {
    const auto before = contents_of(file("m/low"));
    Crew one({.directory = file("1"), .name = "one"});
    Crew two({.directory = file("2"), .name = "two"});
    for (Crew* crew : {&one, &two}) {
      if (Words words = crew->works(); !words.empty()) return words;
      crew->kill(2);
      if (Words words = crew->works(); !words.empty()) return words;
    }
    for (Crew* crew : {&one, &two}) {
      if (Words words = crew->stop(); !words.empty()) return words;
      if (Words words = crew->all_there(file(crew == &one ? "1" : "2")); !words.empty()) {
        return words;
      }
      if (Words words = first.all_there(file(crew == &one ? "1" : "2")); !words.empty()) {
        return words;
      }
    }
    return contents_of(file("m/low")) == before ? "" : "the lower layer was written to";
  });
}

// What the reader has mapped is the lower file; the first writer gets a copy of it.
TEST_F(MountsTest, AReaderInAContainerFollowsTheFirstWhoWritesThere) {
  Crew first({.directory = file("low"), .name = "low"});
  ASSERT_EQ(first.works(), "");
  ASSERT_EQ(first.stop(), "");
  play_with(kTwoContainers, [&, this]() -> Words {
    Result<Db> reader = Db::open(file("1"), for_reading());
    if (!reader) return reader.status().to_string();
    if (Words words = first.all_there(*reader); !words.empty()) return words;
    Crew crew({.directory = file("1"), .name = "new"});
    if (Words words = crew.works(); !words.empty()) return words;
    if (!comes_true([&] { return crew.is_seen_by(*reader, 0); })) return "it does not follow";
    for (int i = 0; i < 300; ++i) {
      if (!crew.is_seen_by(*reader, i % 3)) return "an acknowledged write is not seen";
    }
    if (Words words = crew.stop(); !words.empty()) return words;
    if (Words words = crew.all_there(*reader); !words.empty()) return words;
    return first.all_there(*reader);
  });
}

TEST_F(MountsTest, AReadOnlyOverlayIsRefused) {
  play_with("mkdir $D/a $D/b $D/o; mount -t overlay none -o lowerdir=$D/a:$D/b $D/o",
            [this]() -> Words {
              return expect_refused(Db::open(file("o"), for_reading()).status(),
                                    StatusCode::kUnsupported, file("o"), "overlay");
            });
}

TEST_F(MountsTest, AFileSystemOfUnknownKindIsRefusedUnlessTheCallerInsists) {
  play_with("mkdir $D/disk; mount -t ramfs none $D/disk", [this]() -> Words {
    const std::string path = file("disk/db");
    Options options;
    options.mode = OpenMode::kCreateIfMissing;
    Words words = expect_refused(Db::open(path, options).status(), StatusCode::kUnsupported,
                                 file("disk"), "file system of type");
    if (!words.empty()) return words;
    if (fs::exists(path)) return "it left a directory";
    options.allow_unsafe_file_system = true;
    Crew crew({.directory = path, .options = options});
    if (words = crew.works(); !words.empty()) return words;
    if (words = crew.stop(); !words.empty()) return words;
    return crew.all_there(path, options);
  });
}

TEST_F(MountsTest, WithoutInodesThereIsNoSpaceAndNothingIsLost) {
  play_with("mkdir $D/disk; mount -t tmpfs -o nr_inodes=60 none $D/disk", [this]() -> Words {
    Crew crew({.directory = file("disk/db")});
    if (Words words = crew.works(); !words.empty()) return words;
    const auto lacks_inodes = [&] {
      (void)shell("for i in $(seq 60); do mktemp $D/disk/XXXXXX; done");
      return !crew.works().empty();
    };
    if (!comes_true(lacks_inodes)) return "nobody misses inodes";
    const Words met = crew.stop();
    if (!met.starts_with("no space: ")) return "met " + met;
    if (!shell("find $D/disk -maxdepth 1 -type f -delete")) return "no removal";
    return crew.all_there(file("disk/db"));
  });
}

TEST_F(MountsTest, WithoutProcItIsRefusedAndWhoIsAttachedGoesOn) {
  play_with("true", [this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    if (::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) return not_tried("/proc stays");
    Words words = expect_refused(Db::open(db()).status(), StatusCode::kUnsupported, "/proc");
    if (!words.empty()) return words;
    if (words = crew.works(); !words.empty()) return words;
    if (words = crew.stop(); !words.empty()) return words;
    words = expect_refused(Db::open(db()).status(), StatusCode::kUnsupported, "/proc");
    if (!words.empty()) return words;
    if (::umount("/proc") != 0) return "no umount";
    return crew.all_there(db());
  });
}

TEST_F(MountsTest, AfterAChangeOfRootItIsADirectoryThatWasMoved) {
  const SharedValue<std::atomic<int>> written;
  play([&, this]() -> Words {
    Options options;
    options.mode = OpenMode::kCreateIfMissing;
    options.fixed.memtable_size = std::size_t{1} << 20;
    Result<Db> mine = Db::open(db(), options);
    if (!mine || !mine->put("first", "1").ok() || !mine->exists("first")) return "it does not work";
    if (::chroot(directory_.path().c_str()) != 0) return not_tried("it takes root");
    Status status;
    while (*written < 5'000 && status.ok()) {
      status = mine->put(std::to_string(*written), std::string(1'000, 'v'));
      if (status.ok()) ++*written;
    }
    return expect_refused(status, StatusCode::kIo, db(), "moved");
  });
  if (*written == 0) return;
  Result<Db> here = Db::open(db());
  ASSERT_TRUE(here) << here.status().to_string();
  for (int i = 0; i < *written; ++i) EXPECT_TRUE(here->exists(std::to_string(i)).value()) << i;
}

}  // namespace
}  // namespace tidelock::test
