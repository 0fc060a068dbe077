#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tidelock/options.h"

struct ZSTD_CCtx_s;

// Packing of single blocks. A packed block is: u32 length of the block unpacked, then one LZ4
// block or one zstd frame. It never unpacks to more than kExpansionMax times its packed length, so
// that a forged file cannot ask for more memory than it has bytes, times that.
namespace tidelock::table {

inline constexpr std::size_t kExpansionMax = 256;

class Compressor {
 public:
  explicit Compressor(Compression compression);
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  ~Compressor();

  // Packs `block` into `out` and says how: kNone (and nothing in `out`) where packing would save
  // less than an eighth, or the block is too long for the library behind it.
  [[nodiscard]] Compression pack(std::string_view block, std::string& out);

 private:
  Compression compression_;
  ZSTD_CCtx_s* context_ = nullptr;  // only with kZstd; made when first used
};

// False: `packed` is not what pack() made with `compression`, or there is no memory.
// Precondition: compression is not kNone.
[[nodiscard]] bool unpack(std::string_view packed, Compression compression, std::string& out);

}  // namespace tidelock::table
