// The diagram of docs/architecture.md, executable: which folder may include which.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "support/source_tree.h"

namespace tidelock::test {
namespace {

using Folders = std::set<std::string>;

// A folder of libdb -> what it may include besides itself and the public headers.
const std::map<std::string, Folders> kLayers = {
    {"os", {}},
    {"lock", {"os"}},
    {"state", {"os"}},
    {"wal", {"os", "lock", "state"}},
    {"memtable", {"os", "lock", "state"}},
    {"table", {"os", "lock", "state"}},
    {"manifest", {"os", "lock", "state"}},
    {"lsm", {"os", "lock", "state", "wal", "memtable", "table", "manifest"}},
    {"db", {"os", "lock", "state", "wal", "memtable", "table", "manifest", "lsm"}},
};

struct Include {
  std::string name;
  bool angled = false;
};

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  for (std::string_view line : file.lines()) {
    if (!line.starts_with("#include ")) continue;
    line.remove_prefix(9);
    const std::size_t end = line.find_first_of(">\"", 1);
    includes.push_back({std::string(line.substr(1, end - 1)), line[0] == '<'});
  }
  return includes;
}

std::string first_part(const std::string& name) {
  return name.substr(0, name.find('/'));
}

// The folder of libdb that the file lies in.
std::optional<std::string> layer_of(const SourceFile& file) {
  auto part = file.path.begin();
  if (*part != "libdb" || !file.is_code()) return std::nullopt;
  return (++part)->string();
}

template <typename Check>
void for_each_include(Check check) {
  for (const SourceFile& file : source_files()) {
    if (!file.is_code()) continue;
    for (const Include& include : includes_of(file)) check(file, include);
  }
}

TEST(Layers, IncludeOnlyWhatLiesBelowThem) {
  std::size_t seen = 0;
  for_each_include([&](const SourceFile& file, const Include& include) {
    const auto layer = layer_of(file);
    if (!layer || *layer == "include" || include.angled) return;
    ++seen;
    const std::string target = first_part(include.name);
    const auto known = kLayers.find(*layer);
    ASSERT_NE(known, kLayers.end()) << file.path << " lies in no known layer";
    EXPECT_TRUE(target == "tidelock" || target == *layer || known->second.contains(target))
        << file.path << " includes \"" << include.name << "\"";
  });
  EXPECT_GT(seen, 0u);
}

TEST(PublicHeaders, IncludeOnlyTheStandardLibraryAndEachOther) {
  for_each_include([](const SourceFile& file, const Include& include) {
    if (layer_of(file) != "include") return;
    const bool standard = include.angled && include.name.find_first_of("/.") == std::string::npos;
    const bool ours = !include.angled && first_part(include.name) == "tidelock";
    EXPECT_TRUE(standard || ours) << file.path << " includes " << include.name;
  });
}

TEST(Programs, UsePublicHeadersAlone) {
  // A program's folder -> how it names its own files.
  const std::map<std::string, std::string> programs = {
      {"agent", "agent"}, {"lockd", "lockd"}, {"tools", "cli"}, {"examples", ""}};
  for_each_include([&](const SourceFile& file, const Include& include) {
    const auto program = programs.find(file.path.begin()->string());
    if (program == programs.end() || include.angled) return;
    const std::string target = first_part(include.name);
    EXPECT_TRUE(target == "tidelock" || target == program->second)
        << file.path << " includes \"" << include.name << "\"";
  });
}

// System calls pass through os, where tests inject their failures.
TEST(Kernel, IsCalledByTheOsLayerAlone) {
  const Folders kernel = {"fcntl.h", "unistd.h", "sys", "linux", "poll.h", "signal.h", "dirent.h"};
  for_each_include([&](const SourceFile& file, const Include& include) {
    const auto layer = layer_of(file);
    if (!layer || *layer == "os" || !include.angled) return;
    EXPECT_FALSE(kernel.contains(first_part(include.name)))
        << file.path << " includes <" << include.name << ">";
  });
}

TEST(BoostInterprocess, IsKnownToOneFile) {
  for_each_include([](const SourceFile& file, const Include& include) {
    if (include.name.starts_with("boost/interprocess")) {
      EXPECT_EQ(file.path.parent_path() / file.path.stem(), "libdb/os/mapping");
    }
  });
}

// A header of another store -> the files that may know it.
TEST(OtherStores, AreEachKnownToItsAdapterAlone) {
  const std::map<std::string, std::string> stores = {{"lmdb.h", "agent/stores/lmdb_"},
                                                     {"sqlite3.h", "agent/stores/sqlite_"},
                                                     {"leveldb", "agent/stores/leveldb_"},
                                                     {"rocksdb", "agent/stores/rocksdb_"},
                                                     {"db.h", "agent/stores/berkeleydb_"}};
  for_each_include([&](const SourceFile& file, const Include& include) {
    const auto store = stores.find(first_part(include.name));
    if (store == stores.end() || !include.angled) return;
    if (file.path == "tests/benchmarks/against_leveldb.cc") return;
    EXPECT_TRUE(file.path.string().starts_with(store->second))
        << file.path << " includes <" << include.name << ">";
  });
}

}  // namespace
}  // namespace tidelock::test
