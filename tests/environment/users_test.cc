#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "environment/crew.h"
#include "support/temporary_directory.h"

// Users who share a database, users who may not, and what umasks, groups and user namespaces do to
// the files that they make for each other.
namespace tidelock::test {
namespace {

const bool kCounted = Tally::begin({.as_root = 5, .acknowledged = 1'500});

namespace fs = std::filesystem;

constexpr gid_t kGroup = 4242;
constexpr uid_t kUsers[] = {4201, 4202, 4203};

// User and group of that number, and a member of `kGroup` besides, for good.
Words become(uid_t user) {
  const gid_t group = kGroup;
  if (::setgroups(1, &group) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0) {
    return not_tried("it takes root, to be other users");
  }
  ::umask(077);
  ::prctl(PR_SET_DUMPABLE, 1);  // else /proc/self stays root's
  return "";
}

bool write_text(const char* path, const std::string& text) {
  const int descriptor = ::open(path, O_WRONLY | O_CLOEXEC);
  const ssize_t length = ::write(descriptor, text.data(), text.size());
  ::close(descriptor);
  return length == static_cast<ssize_t>(text.size());
}

// In a user namespace that knows this user, as its root, and no other, nor any other group: a
// container of somebody who is not root.
Words enter_container() {
  const std::string user = "0 " + std::to_string(::geteuid()) + " 1";
  const std::string group = "0 " + std::to_string(::getegid()) + " 1";
  if (::unshare(CLONE_NEWUSER) != 0 || !write_text("/proc/self/setgroups", "deny") ||
      !write_text("/proc/self/uid_map", user) || !write_text("/proc/self/gid_map", group)) {
    return not_tried("it takes user namespaces");
  }
  return "";
}

class UsersTest : public testing::Test {
 protected:
  UsersTest() { ::chmod(directory_.path().c_str(), 0755); }
  [[nodiscard]] std::string db() const { return directory_.file("db"); }
  // As whoever administers it would: a directory of the group's.
  [[nodiscard]] Words make_for_group(mode_t mode) const {
    if (::mkdir(db().c_str(), 0700) != 0 || ::chown(db().c_str(), 0, kGroup) != 0 ||
        ::chmod(db().c_str(), mode) != 0) {
      return not_tried("it takes root, to give to a group");
    }
    return "";
  }
  static Options for_group() {
    Options options;
    options.file_mode = 0660;
    return options;
  }
  // Of a database that was opened by one alone, so that no file is just being made, nor left by one
  // who died while he made it: "" if all are of the group and may be used by it.
  [[nodiscard]] Words all_files_are_the_groups() const {
    for (const auto& entry : fs::directory_iterator(db())) {
      struct stat facts {};
      if (::stat(entry.path().c_str(), &facts) != 0) return entry.path().string() + " is gone";
      if (facts.st_gid != kGroup || (facts.st_mode & 0777) != 0660) {
        return entry.path().string() + " is not the group's";
      }
    }
    return "";
  }
  [[nodiscard]] std::set<uid_t> owners() const {
    std::set<uid_t> found;
    for (const auto& entry : fs::directory_iterator(db())) {
      struct stat facts {};
      if (::stat(entry.path().c_str(), &facts) == 0) found.insert(facts.st_uid);
    }
    return found;
  }
  // What a child finds that is this user.
  [[nodiscard]] Words seen_by(uid_t user, const Play& body) const {
    return apart([&]() -> Words {
      if (Words words = become(user); !words.empty()) return words;
      return body();
    });
  }
  [[nodiscard]] Words is_refused(const Options& options = {}) const {
    const Status status = Db::open(db(), options).status();
    const bool named = status.message().find(db()) != std::string::npos;
    return status.code() == StatusCode::kPermission && named ? "" : "got " + status.to_string();
  }

  const TemporaryDirectory directory_{Where::kMemory};
};

TEST_F(UsersTest, OfOneGroupShareADatabaseWhateverTheirUmasks) {
  play([this]() -> Words {
    if (Words words = make_for_group(02770); !words.empty()) return words;
    Crew crew({.directory = db(), .options = for_group(), .prepare = [](int i) -> Words {
                 return become(kUsers[i]);
               }});
    if (Words words = crew.works(); !words.empty()) return words;
    crew.kill(0);
    if (Words words = crew.works(); !words.empty()) return words;
    if (!comes_true([&] { return owners().size() > 1; })) return "all files are of one user";
    if (Words words = crew.stop(); !words.empty()) return words;
    // What two made, and the first after a reboot, serves the third.
    Words words = seen_by(kUsers[2], [&] { return crew.all_there(db()); });
    if (!words.empty()) return words;
    fs::remove(db() + "/STATE");
    fs::remove(db() + "/QUEUE");
    for (const uid_t user : kUsers) {
      if (words = seen_by(user, [&] { return crew.all_there(db()); }); !words.empty()) return words;
    }
    return all_files_are_the_groups();
  });
}

TEST_F(UsersTest, WithoutTheSetgidBitFilesGoToTheGroupOfTheDatabase) {
  play([this]() -> Words {
    if (Words words = make_for_group(0770); !words.empty()) return words;
    Options options = for_group();
    options.file_group = kGroup;
    options.fixed.memtable_size = std::size_t{1} << 20;
    options.mode = OpenMode::kCreate;
    if (Result<Db> db_made = Db::open(db(), options); !db_made) return db_made.status().to_string();
    Crew crew({.directory = db(), .prepare = [](int i) { return become(kUsers[i]); }});
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    if (Words words = all_files_are_the_groups(); !words.empty()) return words;
    return crew.all_there(db());
  });
}

TEST_F(UsersTest, AUmaskKeepsADatabaseItsMakersOwn) {
  play([this]() -> Words {
    if (::geteuid() != 0) return not_tried("it takes root, to be other users");
    Crew crew({.directory = db(), .prepare = [](int) -> Words { return ::umask(077), ""; }});
    if (Words words = crew.works(); !words.empty()) return words;
    const auto stranger = [&]() -> Words {
      Options reader;
      reader.access = Access::kReadOnly;
      if (Words words = is_refused(reader); !words.empty()) return words;
      return is_refused();
    };
    if (Words words = seen_by(kUsers[0], stranger); !words.empty()) return words;
    if (::chmod(db().c_str(), 0755) != 0) return "no chmod";
    if (Words words = seen_by(kUsers[0], stranger); !words.empty()) return "files: " + words;
    if (Words words = crew.works(); !words.empty()) return words;
    if (Words words = crew.stop(); !words.empty()) return words;
    return crew.all_there(db());
  });
}

// Files are open already; what has to be made or removed is no longer possible.
TEST_F(UsersTest, WhoGivesUpRightsAfterOpeningIsToldWhenTheyAreNeeded) {
  play([this]() -> Words {
    if (::geteuid() != 0) return not_tried("it takes root, to give it up");
    Crew crew({.directory = db(), .count = 2});
    if (Words words = crew.works(); !words.empty()) return words;
    const Words words = apart([&]() -> Words {
      Options options;
      options.background = Background::kNone;
      Result<Db> mine = Db::open(db(), options);
      if (!mine) return mine.status().to_string();
      if (::setgid(4201) != 0 || ::setuid(4201) != 0) return "no setuid";
      const Status status = mine->flush();
      if (status.code() != StatusCode::kPermission) return "flush: " + status.to_string();
      return status.message().find(db()) == std::string::npos ? status.message() : "";
    });
    if (!words.empty()) return words;
    if (Words others = crew.works(); !others.empty()) return "others: " + others;
    if (Words others = crew.stop(); !others.empty()) return "others: " + others;
    return crew.all_there(db());
  });
}

// Inside, the group of the files has no number, though whoever came in is a member of it.
TEST_F(UsersTest, InsideAContainerThatDoesNotKnowTheGroupFilesGoToItAllTheSame) {
  play([this]() -> Words {
    if (Words words = make_for_group(02770); !words.empty()) return words;
    const auto prepare = [](int i) -> Words {
      if (Words words = become(kUsers[i]); !words.empty()) return words;
      return i == 0 ? "" : enter_container();
    };
    Crew crew({.directory = db(), .options = for_group(), .prepare = prepare});
    if (Words words = crew.works(); !words.empty()) return words;
    crew.kill(0);  // now only those inside make files
    for (int round = 0; round < 5; ++round) {
      if (Words others = crew.works(); !others.empty()) return others;
    }
    if (Words others = crew.stop(); !others.empty()) return others;
    const Words seen = seen_by(kUsers[0], [&] { return crew.all_there(db()); });
    return seen.empty() ? all_files_are_the_groups() : seen;
  });
}

// Nobody could clear away after another there.
TEST_F(UsersTest, ADirectoryOfAGroupWhereOnlyOwnersRemoveIsRefused) {
  play([this]() -> Words {
    if (Words words = make_for_group(03770); !words.empty()) return words;
    Options options = for_group();
    options.mode = OpenMode::kCreateIfMissing;
    return seen_by(kUsers[0], [&] { return is_refused(options); });
  });
}

}  // namespace
}  // namespace tidelock::test
