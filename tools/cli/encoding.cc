#include "cli/encoding.h"

#include <array>
#include <optional>

namespace tidelock::cli {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

// The byte that two digits at `i` spell.
std::optional<char> hex_byte(std::string_view text, std::size_t i) {
  if (i + 2 > text.size()) return std::nullopt;
  const auto high = hex_digit(text[i]);
  const auto low = hex_digit(text[i + 1]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4 | *low);
}

// Length of the well-formed UTF-8 sequence at `i`, 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_sequence(std::string_view bytes, std::size_t i) noexcept {
  const std::uint8_t lead = byte_at(bytes, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || i + length > bytes.size()) return 0;
  const std::uint8_t second = byte_at(bytes, i + 1);
  const std::uint8_t lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte_at(bytes, i + k) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// U+0080 to U+009F: control characters that terminals act upon.
bool is_c1_control(std::string_view bytes, std::size_t i) {
  return byte_at(bytes, i) == 0xc2 && byte_at(bytes, i + 1) < 0xa0;
}

bool is_plain(std::string_view bytes, std::size_t i, std::size_t length) {
  if (length == 0) return false;
  if (length == 1) return byte_at(bytes, i) >= 0x20 && byte_at(bytes, i) != 0x7f;
  return length != 2 || !is_c1_control(bytes, i);
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\\':
      out += "\\\\";
      return;
    default:
      break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  out += "\\x";
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

constexpr std::array<std::int8_t, 256> base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    values[static_cast<std::uint8_t>(kBase64Digits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}

Status not_base64() {
  return Status(StatusCode::kInvalid, "not base64 (A-Z a-z 0-9 + /, padded with = to fours)");
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += kHexDigits[static_cast<std::uint8_t>(c) >> 4];
    out += kHexDigits[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}

Result<std::string> from_hex(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto byte = hex_byte(text, i);
    if (!byte) {
      return Status(StatusCode::kInvalid, "not hexadecimal at character " + std::to_string(i + 1) +
                                              " (two digits a byte, no spaces)");
    }
    out += *byte;
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? byte_at(bytes, i + k) : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kBase64Digits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  static constexpr auto kValues = base64_values();
  if (text.size() % 4 != 0) return not_base64();
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (const char c : digits) {
    const std::int8_t value = kValues[static_cast<std::uint8_t>(c)];
    if (value < 0) return not_base64();
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      out += static_cast<char>(bits >> bit_count & 255);
    }
  }
  if ((bits & ((1u << bit_count) - 1)) != 0) return not_base64();
  return out;
}

bool is_utf8(std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = utf8_sequence(bytes, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

namespace {

// What may not stand on a line or a terminal is escaped, and the backslash if it is to be.
std::string escape_unplain(std::string_view bytes, bool backslash_too) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = utf8_sequence(bytes, i);
    if (is_plain(bytes, i, length) && !(backslash_too && bytes[i] == '\\')) {
      out.append(bytes, i, length);
      i += length;
    } else {
      append_escaped(out, bytes[i]);
      ++i;
    }
  }
  return out;
}

}  // namespace

std::string escape(std::string_view bytes) {
  return escape_unplain(bytes, true);
}

std::string printable(std::string_view text) {
  return escape_unplain(text, false);
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = ++i < text.size() ? text[i] : '\0';
    std::optional<char> byte;
    if (kind == 't') byte = '\t';
    if (kind == 'n') byte = '\n';
    if (kind == '\\') byte = '\\';
    if (kind == 'x' && (byte = hex_byte(text, i + 1))) i += 2;
    if (!byte) {
      return Status(StatusCode::kInvalid, "unknown escape (known are \\t \\n \\\\ \\xHH)");
    }
    out += *byte;
  }
  return out;
}

Result<std::string> decode(std::string_view text, ByteFormat format) {
  switch (format) {
    case ByteFormat::kText:
      break;
    case ByteFormat::kHex:
      return from_hex(text);
    case ByteFormat::kBase64:
      return from_base64(text);
  }
  return std::string(text);
}

}  // namespace tidelock::cli
