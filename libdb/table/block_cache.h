#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace tidelock::table {

// Unpacked blocks of compressed tables that were used last, for all readers of the process. (What
// is stored unpacked is read from the mapping and never comes here.) Thread-safe. A block lives as
// long as somebody holds it; those of closed readers are pushed out by others.
class BlockCache {
 public:
  using BlockBytes = std::shared_ptr<const std::string>;

  // A forked child begins with an empty one.
  static BlockCache& of_process();

  // A number no other reader of this process has had.
  [[nodiscard]] static std::uint64_t next_reader() noexcept;

  // Null if it is not there.
  [[nodiscard]] BlockBytes find(std::uint64_t reader, std::uint64_t block);
  // A block of more than half a shard is not kept.
  void insert(std::uint64_t reader, std::uint64_t block, BlockBytes bytes);

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kShardBytesMax = std::size_t{2} << 20;

  struct Key {
    std::uint64_t reader;
    std::uint64_t block;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Item {
    Key key;
    BlockBytes bytes;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Item> items;  // used last comes first
    std::unordered_map<Key, std::list<Item>::iterator, Hash> places;
    std::size_t bytes = 0;
  };

  [[nodiscard]] Shard& shard_of(const Key& key) noexcept;

  Shard shards_[kShards];
};

}  // namespace tidelock::table
