#include "table/properties.h"

#include <xxhash.h>

#include "table/filter.h"
#include "table/index.h"

namespace tidelock::table {

namespace {

constexpr std::size_t kFixedBytes = 84;      // of the properties
constexpr std::size_t kTailBytes = 24;       // of the footer, at the same place in all versions
constexpr std::size_t kUncheckedBytes = 16;  // its checksum and magic, the last in the file
constexpr std::uint32_t kCompressionMax = static_cast<std::uint32_t>(Compression::kZstd);

// Takes fields from the front. The caller has checked that there are enough bytes.
class Fields {
 public:
  explicit Fields(std::string_view bytes) noexcept : at_(bytes.data()) {}
  template <std::unsigned_integral T>
  void take(T& out) noexcept {
    out = load<T>(at_);
    at_ += sizeof(T);
  }

 private:
  const char* at_;
};

Status check_properties(const Properties& found, std::string_view name, std::uint64_t offset) {
  if (found.keyspace != 0) {
    return read_error(StatusCode::kUnsupported, name, offset + 56,
                      "unknown keyspace " + std::to_string(found.keyspace));
  }
  if (found.entries == 0 || found.blocks == 0 || found.tombstones > found.entries ||
      found.bloom_bits_per_key > kBloomBitsPerKeyMax || found.smallest > found.largest) {
    return read_error(StatusCode::kCorruption, name, offset, "properties contradict each other");
  }
  return {};
}

// Without overflow: every length is checked against what is left.
bool parts_fill(const Footer& footer, std::uint64_t room) noexcept {
  for (const std::uint64_t length :
       {footer.data_length, footer.filter_length, footer.index_length, footer.properties_length}) {
    if (length > room) return false;
    room -= length;
  }
  return room == 0 && footer.data_length % kFilterLineBytes == 0 &&
         footer.filter_length % kFilterLineBytes == 0;
}

// The bytes of a footer that is whole and of this version.
Result<std::string_view> find_footer(std::string_view file, std::string_view name) {
  const auto damage = [&](std::size_t from_end, std::string_view what) {
    return read_error(StatusCode::kCorruption, name, file.size() - from_end, what);
  };
  if (file.size() < kTailBytes) return damage(file.size(), "too short for a table");
  std::uint32_t version;
  std::uint32_t length;
  std::uint64_t checksum;
  std::uint64_t magic;
  Fields tail(file.substr(file.size() - kTailBytes));
  tail.take(version), tail.take(length), tail.take(checksum), tail.take(magic);
  if (magic != kMagic) return damage(8, "the last bytes are not a table's");
  if (length < kTailBytes || length > file.size()) return damage(20, "footer length out of bounds");
  const std::string_view bytes = file.substr(file.size() - length);
  if (checksum != XXH3_64bits(bytes.data(), length - kUncheckedBytes)) {
    return damage(kUncheckedBytes, "checksum mismatch in the footer");
  }
  if (version != kFormatVersion) {
    return read_error(StatusCode::kUnsupported, name, file.size() - kTailBytes,
                      "table format " + std::to_string(version) + ", this release reads " +
                          std::to_string(kFormatVersion));
  }
  if (length != kFooterBytes) return damage(20, "footer length is not that of its version");
  return bytes;
}

}  // namespace

std::string encode_properties(const Properties& properties) {
  std::string bytes;
  for (const std::uint64_t field :
       {properties.entries, properties.tombstones, properties.blocks, properties.key_bytes,
        properties.value_bytes, properties.block_bytes, properties.highest_sequence}) {
    append(bytes, field);
  }
  for (const std::uint32_t field :
       {properties.keyspace, properties.block_size, properties.index_prefix,
        properties.bloom_bits_per_key, static_cast<std::uint32_t>(properties.compression),
        static_cast<std::uint32_t>(properties.smallest.size()),
        static_cast<std::uint32_t>(properties.largest.size())}) {
    append(bytes, field);
  }
  return bytes.append(properties.smallest).append(properties.largest);
}

Status decode_properties(std::string_view bytes, std::string_view name, std::uint64_t offset,
                         Properties& out) {
  std::uint32_t compression = 0;
  std::uint32_t smallest = 0;
  std::uint32_t largest = 0;
  if (bytes.size() < kFixedBytes) {
    return read_error(StatusCode::kCorruption, name, offset, "properties are too short");
  }
  Fields fields(bytes);
  for (std::uint64_t* field : {&out.entries, &out.tombstones, &out.blocks, &out.key_bytes,
                               &out.value_bytes, &out.block_bytes, &out.highest_sequence}) {
    fields.take(*field);
  }
  for (std::uint32_t* field : {&out.keyspace, &out.block_size, &out.index_prefix,
                               &out.bloom_bits_per_key, &compression, &smallest, &largest}) {
    fields.take(*field);
  }
  if (std::uint64_t{smallest} + largest != bytes.size() - kFixedBytes) {
    return read_error(StatusCode::kCorruption, name, offset + 76, "key lengths do not fit");
  }
  if (compression > kCompressionMax) {
    return read_error(StatusCode::kUnsupported, name, offset + 72,
                      "unknown compression " + std::to_string(compression));
  }
  out.compression = static_cast<Compression>(compression);
  out.smallest = bytes.substr(kFixedBytes, smallest);
  out.largest = bytes.substr(kFixedBytes + smallest);
  return check_properties(out, name, offset);
}

std::string encode_footer(const Footer& footer) {
  std::string bytes;
  for (const std::uint64_t field :
       {footer.identity.uuid[0], footer.identity.uuid[1], footer.identity.number,
        footer.data_length, footer.filter_length, footer.index_length, footer.properties_length,
        footer.filter_checksum, footer.index_checksum, footer.properties_checksum}) {
    append(bytes, field);
  }
  append(bytes, kFormatVersion);
  append(bytes, static_cast<std::uint32_t>(kFooterBytes));
  append(bytes, XXH3_64bits(bytes.data(), bytes.size()));
  append(bytes, kMagic);
  return bytes;
}

Result<Footer> decode_footer(std::string_view file, std::string_view name) {
  const Result<std::string_view> bytes = find_footer(file, name);
  if (!bytes) return bytes.error();
  Footer footer;
  Fields fields(*bytes);
  for (std::uint64_t* field :
       {&footer.identity.uuid[0], &footer.identity.uuid[1], &footer.identity.number,
        &footer.data_length, &footer.filter_length, &footer.index_length, &footer.properties_length,
        &footer.filter_checksum, &footer.index_checksum, &footer.properties_checksum}) {
    fields.take(*field);
  }
  if (!parts_fill(footer, file.size() - kFooterBytes)) {
    return read_error(StatusCode::kCorruption, name, file.size() - kFooterBytes,
                      "lengths of the parts do not make up the file");
  }
  return footer;
}

}  // namespace tidelock::table
