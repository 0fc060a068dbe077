#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "environment/crew.h"
#include "support/source_tree.h"
#include "support/temporary_directory.h"

// Ways to a database, and copies of it: links, names, lengths, working directories.
namespace tidelock::test {
namespace {

const bool kCounted = Tally::begin({.as_root = 20, .otherwise = 20, .acknowledged = 8'000});

namespace fs = std::filesystem;

Options small() {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  options.fixed.memtable_size = std::size_t{1} << 20;
  return options;
}
Options for_reading() {
  Options options;
  options.access = Access::kReadOnly;
  return options;
}

class PathTest : public testing::Test {
 protected:
  [[nodiscard]] std::string db() const { return directory_.file("db"); }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }
  // One that a crew has written, and closed.
  [[nodiscard]] Words write_one(Crew& crew) const {
    for (int round = 0; round < 8; ++round) {
      if (Words words = crew.works(); !words.empty()) return words;
    }
    return crew.stop();
  }
  const TemporaryDirectory directory_{Where::kMemory};
};

TEST_F(PathTest, ALinkToTheDirectoryLeadsToTheSameDatabase) {
  play([this]() -> Words {
    fs::create_directory(db());
    fs::create_directory_symlink("db", file("link"));
    Crew crew({.directory = db(), .count = 4, .other_way = file("link")});
    if (Words words = crew.works(); !words.empty()) return words;
    fs::remove(file("link"));  // it was needed to open alone
    for (int round = 0; round < 3; ++round) {
      if (Words words = crew.works(); !words.empty()) return words;
    }
    if (Words words = crew.stop(); !words.empty()) return words;
    return crew.all_there(db());
  });
}

// Whoever put the link there chooses what is written to.
TEST_F(PathTest, ALinkInPlaceOfAFileIsRefusedByItsName) {
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = write_one(crew); !words.empty()) return words;
    int files = 0;
    for (const auto& entry : fs::directory_iterator(db())) {
      const std::string name = entry.path().filename();
      const std::string copy = file("copy");
      for (const Options& options : {Options(), for_reading()}) {
        fs::remove_all(copy);
        fs::copy(db(), copy);
        fs::rename(copy + "/" + name, file("aside"));
        fs::create_symlink(file("aside"), copy + "/" + name);
        const Status answer = Db::open(copy, options).status();
        fs::remove(copy + "/" + name);
        fs::rename(file("aside"), copy + "/" + name);
        // In a copy nobody looks at arenas, and a reader not at what is only a cache.
        const bool caches = name == "STATE" || name == "QUEUE";
        if (name.ends_with(".mem") || (caches && options.access == Access::kReadOnly)) continue;
        if (answer.code() != StatusCode::kUnsupported) return name + ": " + answer.to_string();
        if (answer.message().find(copy + "/" + name) == std::string::npos) {
          return answer.to_string();
        }
        if (Words words = crew.all_there(copy); !words.empty()) return name + ", then: " + words;
      }
      ++files;
    }
    return files >= 7 ? "" : "too few files";
  });
}

TEST_F(PathTest, ACopyByHardLinksIsRefusedAndSoIsTheOriginalWhileThereIsOne) {
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = write_one(crew); !words.empty()) return words;
    fs::copy(db(), file("copy"), fs::copy_options::create_hard_links | fs::copy_options::recursive);
    for (const std::string& directory : {db(), file("copy")}) {
      for (const Options& options : {Options(), for_reading()}) {
        const Status status = Db::open(directory, options).status();
        if (status.code() != StatusCode::kUnsupported) return "got " + status.to_string();
        if (status.message().find("hard links") == std::string::npos) return status.to_string();
      }
    }
    fs::remove_all(file("copy"));
    return crew.all_there(db());
  });
}

// Some files are copied in earnest, or missing, so that not all is shared that is looked at.
// Whoever is at work may be told; nothing of theirs is harmed.
TEST_F(PathTest, APartialCopyByHardLinksHarmsNoOriginal) {
  const char* const kNotShared[] = {"LOCK", "LOCK QUEUE", "LOCK QUEUE STATE",
                                    "LOCK QUEUE MANIFEST-000001",
                                    "LOCK QUEUE MANIFEST-000001 STATE"};
  for (const char* const not_shared : kNotShared) {
    fs::remove_all(db());
    fs::remove_all(file("copy"));
    play([&, this]() -> Words {
      Crew crew({.directory = db()});
      if (Words words = crew.works(); !words.empty()) return words;
      fs::create_directory(file("copy"));
      for (const auto& entry : fs::directory_iterator(db())) {
        const std::string name = entry.path().filename();
        std::error_code gone;
        if ((" " + std::string(not_shared) + " ").find(" " + name + " ") == std::string::npos) {
          fs::create_hard_link(entry.path(), file("copy/" + name), gone);
        } else if (name.starts_with("MANIFEST")) {
          fs::copy_file(entry.path(), file("copy/" + name), gone);
        }
      }
      for (int round = 0; round < 2; ++round) {
        Result<Db> copy = Db::open(file("copy"), small());
        for (int i = 0; copy && i < 1'500; ++i) (void)copy->put("0-0", std::string(1'000, 'x'));
      }
      fs::remove_all(file("copy"));
      const Words met = crew.stop();
      if (!met.empty() && met.find("several hard links") == std::string::npos) return met;
      return crew.all_there(db());
    });
  }
}

// Files of different moments: what is answered is right for some moment, or it is refused.
TEST_F(PathTest, ACopyMadeWhileOthersWriteIsSoundOrSaysThatItIsNot) {
  play([this]() -> Words {
    Crew crew({.directory = db()});
    if (Words words = crew.works(); !words.empty()) return words;
    int sound = 0;
    int refused = 0;
    for (int round = 0; round < 30; ++round) {
      const std::string copy = file("copy" + std::to_string(round));
      fs::create_directory(copy);
      for (const auto& entry : fs::directory_iterator(db())) {
        std::error_code gone;
        fs::copy_file(entry.path(), fs::path(copy) / entry.path().filename(), gone);
      }
      Result<Db> db_copy = Db::open(copy);
      Words words = db_copy ? crew.keeps_order(*db_copy) : "";
      if (!words.empty()) return "copy: " + words;
      const Status status = db_copy.status();
      if (!status.ok() && status.code() != StatusCode::kCorruption) return status.to_string();
      ++(status.ok() ? sound : refused);
      if (db_copy) (void)db_copy->close();
      fs::remove_all(copy);
    }
    std::fprintf(stderr, "copies under way: %d sound, %d refused\n", sound, refused);
    if (Words words = crew.stop(); !words.empty()) return words;
    return crew.all_there(db());
  });
}

TEST_F(PathTest, NamesMayHoldAnyBytes) {
  const char* const kNames[] = {"with blank",    "new\nline",  "\xff\xfe not utf-8",
                                "quote\"'`$(x)", "-dash",      "\x01\x1b[31m",
                                "%s%n{}",        "back\\slash"};
  for (const char* const name : kNames) {
    play([&, this]() -> Words {
      Options options;
      options.event_log = true;
      Crew crew({.directory = file(name), .count = 2, .options = options});
      if (Words words = crew.works(); !words.empty()) return words;
      if (Words words = crew.stop(); !words.empty()) return words;
      return crew.all_there(file(name));
    });
  }
}

TEST_F(PathTest, ARelativePathHoldsWhereverTheProcessGoes) {
  play([this]() -> Words {
    if (::chdir(directory_.path().c_str()) != 0) return "no chdir";
    Options options = small();
    options.background = Background::kNone;
    Result<Db> mine = Db::open("./db/", options);
    if (!mine) return mine.status().to_string();
    fs::create_directory("elsewhere");
    if (::chdir("elsewhere") != 0) return "no chdir";
    for (int i = 0; i < 3'000; ++i) {
      Status status = mine->put(std::to_string(i), std::string(1'000, 'v'));
      if (!status.ok()) return status.to_string();
    }
    if (Status status = mine->flush(); !status.ok()) return status.to_string();
    if (!fs::is_empty(".")) return "a file was made elsewhere";
    return mine->check()->problems.empty() ? "" : "damaged";
  });
}

TEST_F(PathTest, FromADirectoryThatIsGoneARelativePathIsAnError) {
  play([this]() -> Words {
    fs::create_directory(file("gone"));
    if (::chdir(file("gone").c_str()) != 0 || ::rmdir(file("gone").c_str()) != 0) return "no rmdir";
    for (const char* const path : {"db", "./db", "", "."}) {
      const Status created = Db::open(path, small()).status();
      const Status opened = Db::open(path).status();
      if (created.ok() || opened.ok()) return "it opens " + std::string(path);
      if (Db::destroy(path).ok()) return "it destroys " + std::string(path);
    }
    return "";
  });
}

// Some names of files still fit, others do not any more.
TEST_F(PathTest, APathThatIsTooLongIsAnErrorThatLeavesNothing) {
  play([this]() -> Words {
    int works = 0;
    int refused = 0;
    for (std::size_t length = PATH_MAX - 48; length <= PATH_MAX + 2; ++length) {
      std::string path = directory_.path();
      while (path.size() + 200 < length) path += "/" + std::string(100, 'd');
      fs::create_directories(path);
      path += "/" + std::string(length - path.size() - 1, 'n');
      const Status status = [&] {
        Result<Db> mine = Db::open(path, small());
        if (!mine) return mine.status();
        Status written = mine->put("k", "v");
        if (written.ok()) written = mine->flush();
        return written.ok() ? mine->close() : written;
      }();
      ++(status.ok() ? works : refused);
      if (!status.ok() && status.code() != StatusCode::kInvalid) {
        return std::to_string(length) + ": " + status.to_string().substr(0, 30);
      }
      std::error_code error;
      if (!status.ok() && fs::exists(path, error)) {
        return "something is left of a path of " + std::to_string(length) + " bytes";
      }
    }
    return works > 0 && refused > 2 ? "" : "no limit was met";
  });
}

// Wall clocks step. Nothing but the lines of LOG (by its library) and what is shown to people knows
// the time of day.
TEST(TheTimeOfDay, IsAskedForNowhereInTheLibrary) {
  for (const SourceFile& file : source_files()) {
    if (!file.is_code() || !file.path.string().starts_with("libdb/")) continue;
    for (const char* const clock :
         {"CLOCK_REALTIME", "system_clock", "gettimeofday", "time(nullptr)"}) {
      EXPECT_EQ(file.text.find(clock), std::string::npos) << file.path << " asks " << clock;
    }
  }
}

}  // namespace
}  // namespace tidelock::test
