#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.h"
#include "table/compression.h"
#include "table/iterator.h"
#include "table/reader.h"
#include "table/salvage.h"
#include "table/table_forge.h"

// A table file of any content: opening it, reading it both ways and verifying it ends, stays
// inside the bytes, and yields entries or a Status. The input is tried twice: as it is, where
// checksums refuse nearly everything, and with all checksums made to fit, so that what lies behind
// them is reached.
namespace tidelock::fuzz {

namespace {

using namespace tidelock::table;

// Reads every byte, for the sanitizers.
void touch(std::string_view bytes) {
  static std::atomic<std::uint64_t> hash;
  hash.store(hash_key(bytes), std::memory_order_relaxed);
}

void walk(const std::shared_ptr<const Reader>& table, std::vector<std::string>& keys) {
  Iterator at(table);
  std::size_t forward = 0;
  for (at.seek_first(); at.valid(); at.next()) {
    require(at.key().size() <= kKeySizeMax);
    if (forward % 16 == 0) keys.emplace_back(at.key());
    ++forward;
  }
  const bool whole = at.status().ok();
  std::size_t backward = 0;
  for (at.seek_last(); at.valid(); at.prev()) ++backward;
  if (whole && at.status().ok()) require(forward == backward);
}

void search(const std::shared_ptr<const Reader>& table, const std::vector<std::string>& keys) {
  Iterator at(table);
  for (const std::string& key : keys) {
    const Result<Lookup> found = table->get(key);
    if (found) touch(found->value);
    at.seek(key);
    at.seek_before(key);
    (void)table->offset_of(key).status();
  }
}

// What stands in blocks that are proven; all of it, if the table is sound.
void save(std::string_view file, const Identity& identity, const VerifiedCounts* sound) {
  TableSalvage salvage(file, identity);
  const auto on_entry = [&](std::string_view key, Kind, std::string_view value) {
    require(key.size() <= kKeySizeMax);
    touch(value);
    return Status();
  };
  require(salvage.walk(on_entry).ok());
  for (const TableGap& gap : salvage.gaps()) require(gap.from <= gap.to && gap.to <= file.size());
  if (sound == nullptr) return;
  ++believed;
  require(salvage.entries() == sound->entries && salvage.gaps().empty());
  require(salvage.flaws().empty() && salvage.identity() == identity);
}

void read_everything(const std::string& file, const Identity& identity) {
  const auto bytes = std::as_bytes(std::span(file));
  const Result<std::shared_ptr<const Reader>> opened =
      Reader::open(bytes, nullptr, "fuzz.sst", identity);
  if (!opened) return save(file, identity, nullptr);
  std::vector<std::string> keys{"", "k", std::string(20, '\xff')};
  walk(*opened, keys);
  search(*opened, keys);
  const Result<VerifiedCounts> counts = (*opened)->verify();
  if (counts) require(counts->entries == (*opened)->properties().entries);
  save(file, (*opened)->properties().identity, counts ? &*counts : nullptr);
}

}  // namespace

void table_target(Bytes bytes) {
  std::string file(text_of(bytes));
  file.shrink_to_fit();
  read_everything(file, {});
  reseal(file);
  const Result<Footer> footer = decode_footer(file, "fuzz.sst");
  if (footer) read_everything(file, footer->identity);
}

}  // namespace tidelock::fuzz
