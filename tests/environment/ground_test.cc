#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

#include "environment/crew.h"
#include "environment/mounts.h"
#include "support/temporary_directory.h"

// Where a database may stand: kinds of file systems, and ways to mount them. All mounts are made in
// namespaces of children, so none is left.
namespace tidelock::test {
namespace {

// tmpfs and overlay; with loop devices ext4 and XFS, too, and with a kernel that has it, Btrfs.
const bool kCounted = Tally::begin({.as_root = !has_loop_devices()                       ? 4
                                               : run("grep -qw btrfs /proc/filesystems") ? 12
                                                                                         : 10,
                                    .acknowledged = 6'000});

namespace fs = std::filesystem;

constexpr FileSystem kTmpfs{"tmpfs", "", "mount -t tmpfs -o size=64m none $M", ""};
constexpr FileSystem kExt4{
    "ext4", "mkfs.ext4",
    "truncate -s 64M $I && mkfs.ext4 -q -O ^has_journal $I && mount -o loop $I $M", kMountImage};
constexpr FileSystem kXfs{
    "xfs", "mkfs.xfs", "truncate -s 320M $I && mkfs.xfs -q -m reflink=0 $I && mount -o loop $I $M",
    kMountImage};
constexpr FileSystem kXfsReflink{
    "xfs-reflink", "mkfs.xfs",
    "truncate -s 320M $I && mkfs.xfs -q -m reflink=1 $I && mount -o loop $I $M", kMountImage};
constexpr FileSystem kBtrfs{"btrfs", "mkfs.btrfs",
                            "truncate -s 120M $I && mkfs.btrfs -q $I && mount -o loop $I $M",
                            kMountImage};
constexpr const char* kMountOverlay =
    "mount -t overlay none -o lowerdir=$I/low,upperdir=$I/up,workdir=$I/work $M";
constexpr FileSystem kOverlay{
    "overlay", "",
    "mkdir $I && mount -t tmpfs -o size=64m none $I && mkdir $I/low $I/up $I/work && "
    "mount -t overlay none -o lowerdir=$I/low,upperdir=$I/up,workdir=$I/work $M",
    kMountOverlay};

class GroundTest : public testing::Test {
 protected:
  [[nodiscard]] std::string scratch() const { return directory_.path(); }
  [[nodiscard]] std::string at(const FileSystem& kind) const { return scratch() + "/" + kind.name; }
  const TemporaryDirectory directory_{Where::kMemory};
};

class FileSystemTest : public GroundTest, public testing::WithParamInterface<FileSystem> {
 protected:
  [[nodiscard]] std::string db() const { return at(GetParam()) + "/db"; }
};

INSTANTIATE_TEST_SUITE_P(Kinds, FileSystemTest,
                         testing::Values(kTmpfs, kExt4, kXfs, kXfsReflink, kBtrfs, kOverlay),
                         [](const auto& kind) {
                           std::string name = kind.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(FileSystemTest, KeepsWhatProcessesWroteAlsoWhenItIsMountedAgain) {
  play([this]() -> Words {
    const FileSystem& kind = GetParam();
    if (Words words = make_and_mount(kind, scratch()); !words.empty()) return words;
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    crew.kill(0);
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    if (Words words = crew.all_there(db()); !words.empty()) return words;
    if (*kind.again == '\0') return "";
    if (!run("umount " + at(kind)) || !mounts(kind, kind.again, scratch())) return "no remount";
    Options reader;
    reader.access = Access::kReadOnly;
    if (Words words = crew.all_there(db(), reader); !words.empty()) return "read: " + words;
    return crew.all_there(db());
  });
}

// Also where blocks can be shared, so that a store into a mapping would kill.
TEST_P(FileSystemTest, FullIsNoSpaceAndNothingIsLost) {
  play([this]() -> Words {
    const FileSystem& kind = GetParam();
    if (Words words = make_and_mount(kind, scratch()); !words.empty()) return words;
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    const std::string filler = at(kind) + "/filler";
    const auto lacks_room = [&] {
      run("cat /dev/zero >>" + filler);  // also what they give back
      return !crew.works().empty();
    };
    if (!comes_true(lacks_room)) return "nobody misses room";
    const Words met = crew.stop();
    if (!met.starts_with("no space: ")) return "met " + met;
    if (met.find(db()) == std::string::npos) return "no path in " + met;
    Options reader;
    reader.access = Access::kReadOnly;
    if (Words words = crew.all_there(db(), reader); !words.empty()) return "full: " + words;
    fs::remove(filler);
    if (Words words = crew.all_there(db()); !words.empty()) return "with room: " + words;
    Crew next({.directory = db(), .name = "next"});
    if (Words words = next.works(); !words.empty()) return "next: " + words;
    if (Words words = next.stop(); !words.empty()) return "next: " + words;
    return next.all_there(db());
  });
}

}  // namespace
}  // namespace tidelock::test
