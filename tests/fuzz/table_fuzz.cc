#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "table/iterator.h"
#include "table/reader.h"
#include "table/table_forge.h"

// A table file of any content: opening it, reading it both ways and verifying it ends, stays
// inside the bytes, and yields entries or a Status. The input is tried twice: as it is, where
// checksums refuse nearly everything, and with all checksums made to fit, so that what lies behind
// them is reached. Run by libFuzzer (clang -fsanitize=fuzzer), and over mutations of good tables
// by table_fuzz_test.
namespace tidelock::table {
namespace {

// Whatever is believed must be within the limits of a table.
void require(bool holds) {
  if (!holds) std::abort();
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
    // Touches the value, for the sanitizers.
    if (found) require(found->value.find(std::string_view("\0\xfe\0\xfd", 4)) != 0);
    at.seek(key);
    at.seek_before(key);
    (void)table->offset_of(key).status();
  }
}

void read_everything(const std::string& file, const Identity& identity) {
  const auto bytes = std::as_bytes(std::span(file));
  const Result<std::shared_ptr<const Reader>> opened =
      Reader::open(bytes, nullptr, "fuzz.sst", identity);
  if (!opened) return;
  std::vector<std::string> keys{"", "k", std::string(20, '\xff')};
  walk(*opened, keys);
  search(*opened, keys);
  const Result<VerifiedCounts> counts = (*opened)->verify();
  if (counts) require(counts->entries == (*opened)->properties().entries);
}

}  // namespace
}  // namespace tidelock::table

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidelock::table;
  std::string file(reinterpret_cast<const char*>(data), size);
  file.shrink_to_fit();
  read_everything(file, {});
  reseal(file);
  const tidelock::Result<Footer> footer = decode_footer(file, "fuzz.sst");
  if (footer) read_everything(file, footer->identity);
  return 0;
}
