#include "table/block_cache.h"

#include <atomic>
#include <utility>

namespace tidelock::table {

BlockCache& BlockCache::of_process() {
  // Never destroyed: readers in static storage may outlive everything else.
  static BlockCache& cache = *new BlockCache;
  return cache;
}

std::uint64_t BlockCache::next_reader() noexcept {
  static std::atomic<std::uint64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);  // only its uniqueness counts
}

std::size_t BlockCache::Hash::operator()(const Key& key) const noexcept {
  return (key.reader * 0x9E3779B97F4A7C15 + key.block) * 0x9E3779B97F4A7C15 >> 20;
}

BlockCache::Shard& BlockCache::shard_of(const Key& key) noexcept {
  return shards_[Hash()(key) % kShards];
}

BlockCache::BlockBytes BlockCache::find(std::uint64_t reader, std::uint64_t block) {
  const Key key{reader, block};
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(key);
  if (place == shard.places.end()) return nullptr;
  shard.items.splice(shard.items.begin(), shard.items, place->second);
  return place->second->bytes;
}

void BlockCache::insert(std::uint64_t reader, std::uint64_t block, BlockBytes bytes) {
  if (bytes->size() > kShardBytesMax / 2) return;
  const Key key{reader, block};
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.places.contains(key)) return;  // another thread was faster
  shard.bytes += bytes->size();
  shard.items.push_front({key, std::move(bytes)});
  shard.places.emplace(key, shard.items.begin());
  while (shard.bytes > kShardBytesMax) {
    shard.bytes -= shard.items.back().bytes->size();
    shard.places.erase(shard.items.back().key);
    shard.items.pop_back();
  }
}

}  // namespace tidelock::table
