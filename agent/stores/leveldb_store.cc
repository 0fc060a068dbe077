#include "agent/stores/leveldb_store.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/write_batch.h>

#include "agent/stores/leveldb_family.h"

namespace tidelock::agent {
namespace {

struct LevelApi {
  using Db = leveldb::DB;
  using Iterator = leveldb::Iterator;
  using Slice = leveldb::Slice;
  using ReadOptions = leveldb::ReadOptions;
  using WriteOptions = leveldb::WriteOptions;
  using WriteBatch = leveldb::WriteBatch;

  // It tells errors of the kernel apart by their text alone.
  static Status failure(const Site& site, std::string_view operation,
                        const leveldb::Status& status) {
    const std::string cause = status.ToString();
    StatusCode code = StatusCode::kIo;
    if (status.IsCorruption()) code = StatusCode::kCorruption;
    if (status.IsInvalidArgument()) code = StatusCode::kInvalid;
    if (status.IsNotFound()) code = StatusCode::kNotFound;
    if (cause.find("No space left") != std::string::npos) code = StatusCode::kNoSpace;
    return site.failure(code, operation, cause);
  }
  // There is no flush but as a part of this.
  static Status flush(const Site& site, leveldb::DB& db) { return compact(site, db); }
  static Status compact(const Site&, leveldb::DB& db) {
    db.CompactRange(nullptr, nullptr);
    return {};
  }
};

struct Resources {
  std::unique_ptr<leveldb::Cache> cache{leveldb::NewLRUCache(kCacheSize)};
  std::unique_ptr<const leveldb::FilterPolicy> filter{leveldb::NewBloomFilterPolicy(kBloomBits)};
};

}  // namespace

Result<std::unique_ptr<Store>> open_leveldb(const StoreOptions& wanted) {
  Result<Site> site = enter("leveldb", wanted);
  if (!site) return site.error();
  auto resources = std::make_shared<Resources>();
  leveldb::Options options;
  options.create_if_missing = wanted.create;
  options.compression = leveldb::kNoCompression;
  options.block_cache = resources->cache.get();
  options.filter_policy = resources->filter.get();
  options.write_buffer_size = wanted.memtable_size != 0 ? wanted.memtable_size : kWriteBufferSize;
  leveldb::DB* db = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, site->directory, &db);
  if (!status.ok()) return LevelApi::failure(*site, "open", status);
  return std::unique_ptr<Store>(std::make_unique<leveldb_family::LevelStore<LevelApi>>(
      *std::move(site), std::move(resources), std::unique_ptr<leveldb::DB>(db),
      wanted.durability == Durability::kDurable));
}

std::string leveldb_version() {
  return std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion);
}

}  // namespace tidelock::agent
