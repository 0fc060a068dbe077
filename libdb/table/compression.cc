#include "table/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <memory>
#include <utility>

#include "table/format.h"

namespace tidelock::table {

namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

std::size_t pack_lz4(std::string_view block, std::string& out) {
  if (block.size() > LZ4_MAX_INPUT_SIZE) return 0;
  const int bound = LZ4_compressBound(static_cast<int>(block.size()));
  out.resize(kLengthBytes + static_cast<std::size_t>(bound));
  const int length = LZ4_compress_default(block.data(), out.data() + kLengthBytes,
                                          static_cast<int>(block.size()), bound);
  return static_cast<std::size_t>(length);
}

std::size_t pack_zstd(ZSTD_CCtx* context, std::string_view block, std::string& out) {
  out.resize(kLengthBytes + ZSTD_compressBound(block.size()));
  const std::size_t length =
      ZSTD_compressCCtx(context, out.data() + kLengthBytes, out.size() - kLengthBytes, block.data(),
                        block.size(), ZSTD_CLEVEL_DEFAULT);
  return ZSTD_isError(length) ? 0 : length;
}

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

// Its working memory is larger than most blocks, so a thread keeps it.
ZSTD_DCtx* decompression_context() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> kContext(ZSTD_createDCtx());
  return kContext.get();
}

}  // namespace

Compressor::Compressor(Compression compression) : compression_(compression) {}

Compressor::Compressor(Compressor&& other) noexcept
    : compression_(other.compression_), context_(std::exchange(other.context_, nullptr)) {}

Compressor& Compressor::operator=(Compressor&& other) noexcept {
  std::swap(compression_, other.compression_);
  std::swap(context_, other.context_);
  return *this;
}

Compressor::~Compressor() {
  ZSTD_freeCCtx(context_);
}

Compression Compressor::pack(std::string_view block, std::string& out) {
  Compression used = compression_;
  std::size_t length = 0;
  if (used == Compression::kZstd) {
    if (context_ == nullptr) context_ = ZSTD_createCCtx();
    if (context_ != nullptr) length = pack_zstd(context_, block, out);
  }
  // What zstd packs tighter than a reader accepts, LZ4 cannot: its format ends at 255 to 1.
  if (used == Compression::kZstd && block.size() / kExpansionMax >= length)
    used = Compression::kLz4;
  if (used == Compression::kLz4) length = pack_lz4(block, out);
  if (length == 0 || kLengthBytes + length > block.size() - block.size() / 8) {
    out.clear();
    return Compression::kNone;
  }
  const auto unpacked = static_cast<std::uint32_t>(block.size());
  std::memcpy(out.data(), &unpacked, kLengthBytes);
  out.resize(kLengthBytes + length);
  return used;
}

bool unpack(std::string_view packed, Compression compression, std::string& out) {
  if (packed.size() < kLengthBytes) return false;
  const std::size_t length = load<std::uint32_t>(packed.data());
  packed.remove_prefix(kLengthBytes);
  if (length / kExpansionMax > packed.size()) return false;
  out.resize(length);
  if (compression == Compression::kLz4) {
    if (packed.size() > LZ4_MAX_INPUT_SIZE || length > LZ4_MAX_INPUT_SIZE) return false;
    const int done = LZ4_decompress_safe(packed.data(), out.data(), static_cast<int>(packed.size()),
                                         static_cast<int>(length));
    return done >= 0 && static_cast<std::size_t>(done) == length;
  }
  ZSTD_DCtx* const context = decompression_context();
  if (context == nullptr) return false;
  return ZSTD_decompressDCtx(context, out.data(), length, packed.data(), packed.size()) == length;
}

}  // namespace tidelock::table
