// What the command line reads: records of `load`, bytes in all spellings, sizes and times, and the
// words of a shell. What is written is read back, and what is read has one way to be written.

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "cli/encoding.h"
#include "cli/input_blocks.h"
#include "cli/json_bytes.h"
#include "cli/record_format.h"
#include "cli/shell_words.h"
#include "cli/units.h"
#include "fuzz/input.h"
#include "support/largest_allocation.h"

namespace tidelock::fuzz {

namespace {

using namespace tidelock::cli;

void require_refusal(const Status& status) {
  require(status.code() == StatusCode::kInvalid);
}

void check_line(RecordFormat format, std::string_view line, std::uint64_t number) {
  const auto entry = parse_record(format, line, number);
  if (!entry) return require_refusal(entry.error());
  if (!entry->has_value() || format == RecordFormat::kLines) return;
  ++believed;
  const auto& [key, value] = **entry;
  std::string written;
  require(append_record(format, key, value, written).ok() && written.ends_with('\n'));
  require(written.find('\n') == written.size() - 1);
  const auto again = parse_record(format, written.substr(0, written.size() - 1), number);
  require(again && again->has_value() && (*again)->key == key && (*again)->value == value);
}

void check_entry(RecordFormat format, std::string_view key, std::string_view value) {
  std::string written;
  if (!append_record(format, key, value, written).ok()) {
    return require(format == RecordFormat::kLines);
  }
  check_line(format, std::string_view(written).substr(0, written.size() - 1), 1);
}

// What one read of a file may take.
constexpr std::size_t kReadMax = std::size_t{1} << 20;

// Blocks of whole lines, which together are the input.
void check_blocks(std::string_view text) {
  std::FILE* const file = std::tmpfile();
  require(file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size());
  std::rewind(file);
  InputBlocks blocks(::fileno(file), "input");
  std::string all;
  std::uint64_t line = 1;
  for (;;) {
    const auto block = blocks.next();
    require(block.has_value());
    if (!block->has_value()) break;
    require((*block)->first_line == line && !(*block)->bytes.empty());
    require(all.empty() || all.ends_with('\n'));
    for (const char c : (*block)->bytes) line += c == '\n' ? 1 : 0;
    all += (*block)->bytes;
  }
  require(all == text && test::take_largest_allocation() <= kReadMax);
  std::fclose(file);
}

bool has_controls(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return !is_utf8(text);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

// A byte for the format, then lines.
void record_target(Bytes bytes) {
  Input in(bytes);
  const auto format = static_cast<RecordFormat>(in.byte() % 3);
  const std::string_view text = text_of(in.take(bytes.size()));
  std::uint64_t number = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    check_line(format, text.substr(from, to - from), ++number);
    from = to + 1;
  }
  const std::size_t half = text.size() / 2;
  check_entry(format, text.substr(0, half), text.substr(half));
  if (text.size() % 16 == 0) check_blocks(text);
}

void encoding_target(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  require(*from_hex(to_hex(text)) == text && *from_base64(to_base64(text)) == text);
  require(*unescape(escape(text)) == text && !has_controls(escape(text)));
  require(!has_controls(printable(text)) && printable(printable(text)) == printable(text));
  require(*decode(text, ByteFormat::kText) == text);
  if (const auto hex = decode(text, ByteFormat::kHex)) require(to_hex(*hex) == lower(text));
  if (const auto base64 = decode(text, ByteFormat::kBase64)) require(to_base64(*base64) == text);
  if (const auto plain = unescape(text)) {
    ++believed;
    require(*unescape(escape(*plain)) == *plain);
  } else {
    require_refusal(plain.error());
  }
  Json object = Json::object();
  for (const ByteFormat format : {ByteFormat::kText, ByteFormat::kHex, ByteFormat::kBase64}) {
    set_bytes(object, "bytes", text, format);
  }
  require(Json::parse(object.dump()) == object);
}

void units_target(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  if (const auto size = parse_size(text)) {
    ++believed;
    require(!show_size(*size).empty() && *parse_size(std::to_string(*size)) == *size);
  }
  if (const auto count = parse_count(text)) {
    std::string shown = show_count(*count);
    std::erase(shown, ',');
    require(*parse_count(shown) == *count && show_entries(*count).find("entr") != shown.npos);
  }
  for (const auto& time : {parse_duration(text), parse_seconds(text)}) {
    if (!time) continue;
    require(time->count() >= 0);
    const std::chrono::milliseconds shown = std::min(*time, std::chrono::milliseconds(1'000'000));
    require(!show_time(shown).empty() && !show_seconds(shown).empty());
  }
}

void words_target(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  const std::string quoted = quote_word(text);
  const auto one = split_words(quoted);
  require(one && *one == std::vector<std::string>{std::string(text)});
  const auto words = split_words(text);
  if (!words) return require_refusal(words.error());
  if (!words->empty()) ++believed;
  std::string line;
  for (const std::string& word : *words) line += quote_word(word) + " ";
  require(*split_words(line) == *words);
}

}  // namespace tidelock::fuzz
