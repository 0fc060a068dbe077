#include "damage/sample.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <utility>

#include "manifest/manifest_reader.h"
#include "tidelock/db.h"
#include "wal/format.h"

namespace tidelock::test {

namespace fs = std::filesystem;

namespace {

constexpr int kKeys = 150;
constexpr std::uint64_t kUnusedKept = 96;  // bytes of the log behind its last record

// Writes to the database, and remembers.
class Author {
 public:
  Author(Db& db, Sample& sample) : db_(db), sample_(sample) {}

  void put(int i, const std::string& value) {
    const std::string key = key_of(i);
    EXPECT_TRUE(db_.put(key, value + std::to_string(i)).ok());
    remember(key, value + std::to_string(i));
  }
  void erase(int i) {
    EXPECT_TRUE(db_.erase(key_of(i)).ok());
    sample_.entries.erase(key_of(i));
  }
  void batch(int i, const std::string& value) {
    Batch batch;
    for (int k = i; k < i + 3; ++k) batch.put(key_of(k), value);
    batch.erase(key_of(i + 3));
    EXPECT_TRUE(db_.write(batch).ok());
    for (int k = i; k < i + 3; ++k) remember(key_of(k), value);
    sample_.entries.erase(key_of(i + 3));
  }

 private:
  static std::string key_of(int i) { return "key" + std::to_string(1000 + i % kKeys); }
  void remember(const std::string& key, const std::string& value) {
    sample_.entries[key] = value;
    sample_.history[key].insert(value);
  }

  Db& db_;
  Sample& sample_;
};

void write_tables(Db& db, Author& author, const std::function<void()>& remember) {
  for (int i = 0; i < kKeys; ++i) author.put(i, "the oldest value of all ");
  EXPECT_TRUE(db.compact().ok());
  remember();
  // So many tables of level 0 that the next write merges them into the level below.
  for (int round = 0; round < 12; ++round) {
    for (int i = round; i < kKeys; i += 15) author.put(i, "older value " + std::to_string(round));
    for (int i = round; i < kKeys; i += 63) author.erase(i);
    EXPECT_TRUE(db.flush().ok());
  }
  author.put(1, "in between ");
  const Stats stats = db.stats().value();
  EXPECT_TRUE(
      std::ranges::any_of(stats.tables, [](const auto& table) { return table.level == 1; }));
  remember();
  for (int round = 0; round < 2; ++round) {
    for (int i = round; i < kKeys; i += 9) author.put(i, "newer value ");
    for (int i = round + 5; i < kKeys; i += 31) author.erase(i);
    EXPECT_TRUE(db.flush().ok());
  }
  remember();
}

void write_log(Author& author) {
  for (int i = 2; i < kKeys; i += 11) author.put(i, "the newest value ");
  author.batch(40, "of a batch");
  author.erase(77);
  author.batch(90, "of another batch");
  author.put(149, "last");
}

bool is_lasting(const std::string& name) {
  return name == "CURRENT" || name.starts_with("MANIFEST-") || name.ends_with(".sst") ||
         name.ends_with(".wal");
}

// Without the zeroes at the end; page by page, as there are many.
std::size_t used_bytes(const std::string& bytes) {
  static constexpr char kZeroes[4096] = {};
  std::size_t size = bytes.size();
  while (size >= sizeof kZeroes &&
         std::memcmp(bytes.data() + size - sizeof kZeroes, kZeroes, sizeof kZeroes) == 0) {
    size -= sizeof kZeroes;
  }
  return std::string_view(bytes).substr(0, size).find_last_not_of('\0') + 1;
}

// What lies behind a log's last record is zeroes; a few of them are enough.
void cut_unused(Files& files) {
  for (auto& [name, bytes] : files) {
    if (!name.ends_with(".wal")) continue;
    const std::size_t end = used_bytes(bytes) + kUnusedKept;
    if (end < bytes.size()) bytes.resize(std::max<std::size_t>(end / 8 * 8, wal::kHeaderSize));
  }
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::string bytes(in ? static_cast<std::size_t>(in.tellg()) : 0, '\0');
  in.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_file(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool written =
      file >= 0 &&
      ::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) &&
      ::ftruncate(file, static_cast<off_t>(bytes.size())) == 0;
  if (!written) std::abort();
  ::close(file);
}

void write_sparse_files(const std::string& directory, const Files& files) {
  constexpr std::size_t kPage = 4096;
  fs::create_directories(directory);
  for (const auto& [name, bytes] : files) {
    std::ofstream file(directory + "/" + name, std::ios::binary);
    for (std::size_t at = 0; at < bytes.size(); at += kPage) {
      const std::string_view page = std::string_view(bytes).substr(at, kPage);
      if (page.find_first_not_of('\0') == std::string_view::npos) continue;
      file.seekp(static_cast<std::streamoff>(at));
      file << page;
    }
    file.close();
    fs::resize_file(directory + "/" + name, bytes.size());
  }
}

void write_files(const std::string& directory, const Files& files) {
  fs::create_directories(directory);
  for (const auto& [name, bytes] : files) write_file(directory + "/" + name, bytes);
}

Files lasting_files(const std::string& directory) {
  Files files;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string name = file.path().filename();
    if (is_lasting(name)) files[name] = read_file(file.path());
  }
  cut_unused(files);
  return files;
}

Sample make_sample(const std::string& directory, Compression compression, Shape shape) {
  Sample sample;
  Options options;
  options.mode = OpenMode::kCreate;
  options.background = Background::kNone;
  options.fixed.memtable_size = std::size_t{1} << 20;
  options.fixed.block_size = 512;
  options.fixed.compression = compression;
  Result<Db> db = Db::open(directory, options);
  EXPECT_TRUE(db.has_value()) << db.status().to_string();
  Author author(*db, sample);
  const auto remember = [&] { sample.earlier.push_back(lasting_files(directory)); };
  if (shape != Shape::kLog) write_tables(*db, author, remember);
  write_log(author);
  if (shape == Shape::kTables) {
    EXPECT_TRUE(db->flush().ok());
  }
  EXPECT_TRUE(db->close().ok());
  sample.files = lasting_files(directory);
  return sample;
}

}  // namespace tidelock::test
