#include "table/block_cache.h"

#include <atomic>
#include <utility>

#include "os/process.h"

namespace tidelock::table {

BlockCache& BlockCache::of_process() {
  struct Owned {
    std::uint64_t process;
    BlockCache cache{};
  };
  // Never destroyed: readers in static storage may outlive everything else.
  static std::atomic<Owned*> current{nullptr};
  const std::uint64_t process = os::process_token();
  Owned* found = current.load(std::memory_order_acquire);  // pairs with the exchange below
  if (found != nullptr && found->process == process) return found->cache;
  // The parent's is left as it is: threads that are not here may have held its mutexes.
  std::unique_ptr<Owned> fresh(new Owned{.process = process});
  if (current.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) {
    return fresh.release()->cache;
  }
  return found->cache;  // another thread of this process was faster
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
