// One process, one thread, against LevelDB: random puts, random gets, a forward scan.
//   against_leveldb DIRECTORY [KEYS] [ROUNDS]
// Each round runs every store once, each in a fresh directory below DIRECTORY; the last lines are
// medians and ratios. Neither store compresses or syncs.

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tidelock/db.h"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kValueSize = 100;

struct Load {
  std::vector<std::string> keys;  // 16 bytes each, in random order
  std::vector<std::uint32_t> lookups;
  std::string value_source;
  [[nodiscard]] std::string_view value(std::size_t i) const {
    return std::string_view(value_source).substr(i * 37 % 100'000, kValueSize);
  }
};

Load make_load(std::size_t count) {
  Load load;
  std::mt19937_64 random(20240607);
  for (std::size_t i = 0; i < count; ++i) {
    char key[32];
    std::snprintf(key, sizeof key, "%016llx", static_cast<unsigned long long>(random()));
    load.keys.emplace_back(key, 16);
  }
  load.lookups.resize(count);
  std::iota(load.lookups.begin(), load.lookups.end(), 0);
  std::shuffle(load.lookups.begin(), load.lookups.end(), random);
  for (int i = 0; i < 100'100; ++i) load.value_source += static_cast<char>(random());
  return load;
}

struct Figures {
  double puts = 0;  // a second
  double gets = 0;
  double scans = 0;      // entries a second
  double tables = 0;     // bytes per byte of data
  double directory = 0;  // MiB after the last close
};

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

// Bytes of disk: of all files, and of the tables alone.
void measure_directory(const fs::path& path, const Load& load, Figures& figures) {
  const double data = static_cast<double>(load.keys.size()) * (16 + kValueSize);
  double all = 0;
  double tables = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    struct stat facts {};
    if (::stat(entry.path().c_str(), &facts) != 0) continue;
    const double size = static_cast<double>(facts.st_blocks) * 512;
    const std::string extension = entry.path().extension().string();
    all += size;
    if (extension == ".sst" || extension == ".ldb") tables += size;
  }
  figures.tables = tables / data;
  figures.directory = all / (1 << 20);
}

Figures run_tidelock(const fs::path& path, const Load& load) {
  Figures figures;
  const auto count = static_cast<double>(load.keys.size());
  tidelock::Options options;
  options.mode = tidelock::OpenMode::kCreate;
  {
    tidelock::Db db = std::move(tidelock::Db::open(path, options)).value();
    figures.puts = count / seconds([&] {
                     for (std::size_t i = 0; i < load.keys.size(); ++i) {
                       require(db.put(load.keys[i], load.value(i)).ok(), "put");
                     }
                   });
    figures.gets = count / seconds([&] {
                     for (const std::uint32_t i : load.lookups) {
                       const auto value = db.get(load.keys[i]);
                       require(value && value->has_value(), "get");
                     }
                   });
    figures.scans = count / seconds([&] {
                      tidelock::Iterator it = std::move(db.iterate()).value();
                      std::size_t seen = 0;
                      std::size_t bytes = 0;
                      for (it.seek_first(); it.valid(); it.next(), ++seen) {
                        bytes += it.key().size() + it.value().size();
                      }
                      require(seen == load.keys.size() && bytes != 0, "scan");
                    });
    require(db.flush().ok(), "flush");
    require(db.close().ok(), "close");
  }
  measure_directory(path, load, figures);
  return figures;
}

Figures run_leveldb(const fs::path& path, const Load& load, std::size_t write_buffer) {
  Figures figures;
  const auto count = static_cast<double>(load.keys.size());
  const std::unique_ptr<const leveldb::FilterPolicy> filter(leveldb::NewBloomFilterPolicy(10));
  const std::unique_ptr<leveldb::Cache> cache(leveldb::NewLRUCache(std::size_t{1} << 30));
  leveldb::Options options;
  options.create_if_missing = true;
  options.compression = leveldb::kNoCompression;
  options.filter_policy = filter.get();
  options.block_cache = cache.get();
  if (write_buffer != 0) options.write_buffer_size = write_buffer;
  {
    leveldb::DB* opened = nullptr;
    require(leveldb::DB::Open(options, path.string(), &opened).ok(), "open");
    const std::unique_ptr<leveldb::DB> db(opened);
    figures.puts =
        count / seconds([&] {
          for (std::size_t i = 0; i < load.keys.size(); ++i) {
            const std::string_view value = load.value(i);
            require(db->Put({}, load.keys[i], leveldb::Slice(value.data(), value.size())).ok(),
                    "put");
          }
        });
    figures.gets = count / seconds([&] {
                     std::string value;
                     for (const std::uint32_t i : load.lookups) {
                       require(db->Get({}, load.keys[i], &value).ok(), "get");
                     }
                   });
    figures.scans = count / seconds([&] {
                      const std::unique_ptr<leveldb::Iterator> it(db->NewIterator({}));
                      std::size_t seen = 0;
                      std::size_t bytes = 0;
                      for (it->SeekToFirst(); it->Valid(); it->Next(), ++seen) {
                        bytes += it->key().size() + it->value().size();
                      }
                      require(seen == load.keys.size() && bytes != 0, "scan");
                    });
  }
  measure_directory(path, load, figures);
  return figures;
}

double median(std::vector<Figures> all, double Figures::*member) {
  std::sort(all.begin(), all.end(),
            [member](const Figures& a, const Figures& b) { return a.*member < b.*member; });
  return all[all.size() / 2].*member;
}

void print(const char* name, const Figures& f) {
  std::printf("%-22s %10.0f %10.0f %12.0f %8.3f %10.1f\n", name, f.puts, f.gets, f.scans, f.tables,
              f.directory);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: against_leveldb DIRECTORY [KEYS] [ROUNDS]\n");
    return 2;
  }
  const fs::path base = argv[1];
  const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const Load load = make_load(count);
  const std::map<std::string, std::function<Figures(const fs::path&)>> stores = {
      {"tidelock", [&](const fs::path& path) { return run_tidelock(path, load); }},
      {"leveldb, defaults", [&](const fs::path& path) { return run_leveldb(path, load, 0); }},
      {"leveldb, 64 MiB",
       [&](const fs::path& path) { return run_leveldb(path, load, std::size_t{64} << 20); }}};
  std::map<std::string, std::vector<Figures>> results;
  std::printf("%-22s %10s %10s %12s %8s %10s\n", "store", "puts/s", "gets/s", "scanned/s", "tables",
              "MiB");
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [name, run] : stores) {
      const fs::path path = base / "database";
      fs::remove_all(path);
      fs::create_directories(base);
      results[name].push_back(run(path));
      print(name.c_str(), results[name].back());
      fs::remove_all(path);
    }
  }
  std::printf("medians of %d rounds\n", rounds);
  std::map<std::string, Figures> medians;
  for (const auto& [name, all] : results) {
    Figures& m = medians[name];
    for (const auto member :
         {&Figures::puts, &Figures::gets, &Figures::scans, &Figures::tables, &Figures::directory}) {
      m.*member = median(all, member);
    }
    print(name.c_str(), m);
  }
  const Figures& ours = medians["tidelock"];
  const Figures& a = medians["leveldb, defaults"];
  const Figures& b = medians["leveldb, 64 MiB"];
  std::printf("ratio to the better:   puts %.2f   gets %.2f   scan %.2f\n",
              ours.puts / std::max(a.puts, b.puts), ours.gets / std::max(a.gets, b.gets),
              ours.scans / std::max(a.scans, b.scans));
  return 0;
}
