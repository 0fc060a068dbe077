#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tidelock/status.h"

// Bytes as people and other programs write them. Pure functions.
namespace tidelock::cli {

enum class ByteFormat : std::uint8_t { kText, kHex, kBase64 };

// Lower-case, two digits a byte.
[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] Result<std::string> from_hex(std::string_view text);

// RFC 4648, with padding; decoding accepts nothing else, so that each value has one spelling.
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] Result<std::string> from_base64(std::string_view text);

// Well-formed UTF-8: shortest forms only, no surrogates, nothing beyond U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

// One line of text without tabs: `\t`, `\n`, `\\`, and `\xHH` for every other control character
// and for bytes that are not UTF-8. Safe on a terminal; `unescape` gives the bytes back.
[[nodiscard]] std::string escape(std::string_view bytes);
[[nodiscard]] Result<std::string> unescape(std::string_view text);

// The same for text that is there to be read, not to be read back: a backslash stays as it is, so
// what is printable already does not change.
[[nodiscard]] std::string printable(std::string_view text);

// `kText` is the bytes themselves.
[[nodiscard]] Result<std::string> decode(std::string_view text, ByteFormat format);

}  // namespace tidelock::cli
