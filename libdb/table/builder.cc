#include "table/builder.h"

#include <span>
#include <utility>

#include "table/filter.h"

namespace tidelock::table {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{512} << 10;
constexpr std::uint64_t kPageBytes = 4096;  // of most machines; readers do not depend on it
constexpr std::uint64_t kFillerShare = 32;  // at most one part in so many of a block is filler
constexpr std::size_t kBlockSizeMin = 256;
constexpr std::size_t kBlockSizeMax = std::size_t{1} << 20;

Status invalid(const os::File& file, std::string_view what) {
  return Status(StatusCode::kInvalid,
                std::string("build ").append(file.path()).append(": ").append(what));
}

}  // namespace

Builder::Builder(os::File file, const BuilderOptions& options)
    : file_(std::move(file)), checksums_(options.identity), compressor_(options.compression) {
  properties_.identity = options.identity;
  properties_.keyspace = options.keyspace;
  properties_.block_size = static_cast<std::uint32_t>(options.block_size);
  properties_.compression = options.compression;
  properties_.bloom_bits_per_key = options.bloom_bits_per_key;
  buffer_.reserve(kBufferBytes);
}

Result<Builder> Builder::create(os::File file, const BuilderOptions& options) {
  if (options.block_size < kBlockSizeMin || options.block_size > kBlockSizeMax) {
    return invalid(file, "block size " + std::to_string(options.block_size));
  }
  if (options.bloom_bits_per_key > kBloomBitsPerKeyMax) {
    return invalid(file, "bloom bits per key " + std::to_string(options.bloom_bits_per_key));
  }
  if (options.keyspace != 0) {
    return invalid(file, "keyspace " + std::to_string(options.keyspace));
  }
  return Builder(std::move(file), options);
}

Status Builder::check(std::string_view key, Kind kind, std::string_view value) const {
  if (key.size() > kKeySizeMax || value.size() > kValueSizeMax) {
    return Status(StatusCode::kTooLarge, "build " + file_.path() + ": key of " +
                                             std::to_string(key.size()) + ", value of " +
                                             std::to_string(value.size()) + " bytes");
  }
  if (!is_known(static_cast<std::uint8_t>(kind))) return invalid(file_, "unknown kind of entry");
  if (kind == Kind::kErase && !value.empty()) return invalid(file_, "a tombstone with a value");
  if (properties_.entries > 0 && key <= last_) return invalid(file_, "keys do not ascend");
  return {};
}

Status Builder::add(std::string_view key, Kind kind, std::string_view value) {
  if (Status status = check(key, kind, value); !status.ok()) return status;
  if (!block_.empty() && block_.bytes_with(key, value) + kSealBytes > block_bytes_max()) {
    if (Status status = end_block(&key); !status.ok()) return status;
  }
  const std::uint64_t hash = hash_key(key);
  block_.add(key, hash, kind, value);
  if (properties_.bloom_bits_per_key > 0) hashes_.push_back(hash);
  if (properties_.entries == 0) properties_.smallest = key;
  last_ = key;
  properties_.entries += 1;
  properties_.tombstones += kind == Kind::kErase;
  properties_.key_bytes += key.size();
  properties_.value_bytes += value.size();
  return {};
}

// A block that lies in one page costs a lookup one address translation instead of two. So blocks
// aim at ending with a page, as long as that moves their size by no more than half a page.
std::uint64_t Builder::block_bytes_max() const noexcept {
  const std::uint64_t size = properties_.block_size;
  if (properties_.compression != Compression::kNone || size < kPageBytes) return size;
  const std::uint64_t end = position() + size + kPageBytes / 2;
  return end - end % kPageBytes - position();
}

std::size_t Builder::filler() const noexcept {
  if (properties_.compression != Compression::kNone) return 0;
  const std::uint64_t length = block_.bytes() + kSealBytes;
  const std::uint64_t filler = (kPageBytes - (position() + length) % kPageBytes) % kPageBytes;
  return filler <= length / kFillerShare ? static_cast<std::size_t>(filler) : 0;
}

Status Builder::end_block(const std::string_view* next) {
  index_.add(position(), last_, next);
  std::string& block = block_.finish(filler());
  properties_.block_bytes += block.size();
  const Compression used = compressor_.pack(block, packed_);
  std::string& stored = used == Compression::kNone ? block : packed_;
  stored.push_back(static_cast<char>(used));
  append(stored, checksums_.of(position(), stored));
  Status status = write(stored);
  block_.clear();
  return status;
}

Status Builder::write_section(std::string_view bytes, std::uint64_t& checksum) {
  checksum = checksums_.of(position(), bytes);
  return write(bytes);
}

Result<Properties> Builder::finish(std::uint64_t highest_sequence) {
  if (properties_.entries == 0) return invalid(file_, "no entries");
  if (Status status = end_block(nullptr); !status.ok()) return status;
  const std::optional<std::string> index = index_.finish(position());
  if (!index) return Status(StatusCode::kTooLarge, "build " + file_.path() + ": index too large");
  const std::string padding((kFilterLineBytes - position() % kFilterLineBytes) % kFilterLineBytes,
                            '\0');
  if (Status status = write(padding); !status.ok()) return status;

  const std::string filter = build_filter(hashes_, properties_.bloom_bits_per_key);
  properties_.highest_sequence = highest_sequence;
  properties_.blocks = index_.blocks();
  properties_.index_prefix = index_.prefix_length();
  properties_.largest = last_;
  const std::string properties = encode_properties(properties_);
  Footer footer{.identity = properties_.identity,
                .data_length = position(),
                .filter_length = filter.size(),
                .index_length = index->size(),
                .properties_length = properties.size()};
  Status status = write_section(filter, footer.filter_checksum);
  if (status.ok()) status = write_section(*index, footer.index_checksum);
  if (status.ok()) status = write_section(properties, footer.properties_checksum);
  if (status.ok()) status = write(encode_footer(footer));
  if (status.ok()) status = flush();
  if (!status.ok()) return status;
  properties_.file_bytes = position();
  return properties_;
}

Status Builder::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() <= kBufferBytes) {
    buffer_.append(bytes);
    return {};
  }
  if (Status status = flush(); !status.ok()) return status;
  if (bytes.size() < kBufferBytes) {
    buffer_.append(bytes);
    return {};
  }
  if (Status status = file_.write(flushed_, std::as_bytes(std::span(bytes))); !status.ok()) {
    return status;
  }
  flushed_ += bytes.size();
  return {};
}

Status Builder::flush() {
  if (Status status = file_.write(flushed_, std::as_bytes(std::span(buffer_))); !status.ok()) {
    return status;
  }
  flushed_ += buffer_.size();
  buffer_.clear();
  return {};
}

std::uint64_t Builder::file_bytes() const noexcept {
  const std::uint64_t filter = properties_.entries * properties_.bloom_bits_per_key / 8;
  return position() + block_.bytes() + filter + index_.bytes() + properties_.smallest.size() +
         last_.size() + kFooterBytes;
}

}  // namespace tidelock::table
