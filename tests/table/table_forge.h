#pragma once

#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "table/format.h"
#include "table/index.h"
#include "table/properties.h"

// Makes every checksum of a table fit again after its bytes were changed: what is tested then is
// what stands behind the checksums. Written against docs/file-formats.md.
namespace tidelock::table {

template <typename T>
void store(std::string& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

// Version, length, checksum and magic of the footer.
inline void reseal_footer(std::string& bytes, std::uint32_t version = kFormatVersion) {
  if (bytes.size() < kFooterBytes) return;
  const std::size_t footer = bytes.size() - kFooterBytes;
  store(bytes, footer + 80, version);
  store(bytes, footer + 84, static_cast<std::uint32_t>(kFooterBytes));
  store(bytes, footer + 88, XXH3_64bits(bytes.data() + footer, 88));
  store(bytes, footer + 96, kMagic);
}

inline void reseal_blocks(std::string& bytes, const Footer& footer, const Checksums& checksums) {
  Properties properties;
  const std::string_view view(bytes);
  const std::string_view section =
      view.substr(footer.properties_offset(), footer.properties_length);
  if (!decode_properties(section, "", 0, properties).ok()) return;
  const std::optional<Index> index =
      Index::parse(view.substr(footer.index_offset(), footer.index_length), properties.blocks,
                   properties.index_prefix);
  for (std::uint64_t n = 0; index && n < properties.blocks; ++n) {
    const std::uint64_t begin = index->offset(n);
    const std::uint64_t end = index->offset(n + 1);
    if (begin > end || end > footer.data_length || end - begin < kSealBytes) continue;
    store(bytes, end - 8, checksums.of(begin, view.substr(begin, end - begin - 8)));
  }
}

// All of it, as far as the lengths in footer, properties and index make sense.
inline void reseal(std::string& bytes) {
  reseal_footer(bytes);
  const Result<Footer> footer = decode_footer(bytes, "");
  if (!footer) return;
  const Checksums checksums(footer->identity);
  reseal_blocks(bytes, *footer, checksums);
  const std::size_t at = bytes.size() - kFooterBytes;
  const auto seal = [&](std::size_t field, std::uint64_t offset, std::uint64_t length) {
    store(bytes, at + field, checksums.of(offset, std::string_view(bytes).substr(offset, length)));
  };
  seal(56, footer->filter_offset(), footer->filter_length);
  seal(64, footer->index_offset(), footer->index_length);
  seal(72, footer->properties_offset(), footer->properties_length);
  reseal_footer(bytes);
}

}  // namespace tidelock::table
