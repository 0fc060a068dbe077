#include "agent/stores/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include "agent/stores/leveldb_family.h"

namespace tidelock::agent {
namespace {

struct RocksApi {
  using Db = rocksdb::DB;
  using Iterator = rocksdb::Iterator;
  using Slice = rocksdb::Slice;
  using ReadOptions = rocksdb::ReadOptions;
  using WriteOptions = rocksdb::WriteOptions;
  using WriteBatch = rocksdb::WriteBatch;

  static Status failure(const Site& site, std::string_view operation,
                        const rocksdb::Status& status) {
    StatusCode code = StatusCode::kIo;
    if (status.IsCorruption()) code = StatusCode::kCorruption;
    if (status.IsInvalidArgument()) code = StatusCode::kInvalid;
    if (status.IsNotFound()) code = StatusCode::kNotFound;
    if (status.IsNoSpace()) code = StatusCode::kNoSpace;
    return site.failure(code, operation, status.ToString());
  }
  static Status flush(const Site& site, rocksdb::DB& db) {
    const rocksdb::Status status = db.Flush({});
    return status.ok() ? Status() : failure(site, "flush", status);
  }
  static Status compact(const Site& site, rocksdb::DB& db) {
    const rocksdb::Status status = db.CompactRange({}, nullptr, nullptr);
    return status.ok() ? Status() : failure(site, "compact", status);
  }
};

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb(const StoreOptions& wanted) {
  Result<Site> site = enter("rocksdb", wanted);
  if (!site) return site.error();
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kCacheSize);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBits));
  rocksdb::Options options;
  options.create_if_missing = wanted.create;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = wanted.memtable_size != 0 ? wanted.memtable_size : kWriteBufferSize;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, site->directory, &db);
  if (!status.ok()) return RocksApi::failure(*site, "open", status);
  return std::unique_ptr<Store>(std::make_unique<leveldb_family::LevelStore<RocksApi>>(
      *std::move(site), nullptr, std::unique_ptr<rocksdb::DB>(db),
      wanted.durability == Durability::kDurable));
}

std::string rocksdb_version() {
  return rocksdb::GetRocksVersionAsString();
}

}  // namespace tidelock::agent
