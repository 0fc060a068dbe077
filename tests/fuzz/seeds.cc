#include <memory>
#include <span>

#include "cli/record_format.h"
#include "fuzz/targets.h"
#include "manifest/codec.h"
#include "manifest/current.h"
#include "manifest/manifest_samples.h"
#include "table/block.h"
#include "table/compression.h"
#include "table/filter.h"
#include "table/index.h"
#include "table/table_samples.h"
#include "wal/log_image.h"

namespace tidelock::fuzz {

namespace {

using Seeds = std::vector<std::string>;

std::string text_of(const std::vector<std::byte>& bytes) {
  return std::string(fuzz::text_of(Bytes(bytes)));
}

table::Model sample_model(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  return table::random_model(random, 40, 12, 30);
}

Seeds block_seeds() {
  Seeds seeds;
  for (const std::uint64_t seed : {1, 2}) {
    table::BlockBuilder builder;
    for (const auto& [key, value] : sample_model(seed)) {
      builder.add(key, table::hash_key(key), value ? table::Kind::kPut : table::Kind::kErase,
                  value.value_or(""));
    }
    seeds.push_back(builder.finish(seed == 1 ? 0 : 7));
  }
  return seeds;
}

Seeds packed_seeds() {
  Seeds seeds;
  for (const Compression compression : {Compression::kLz4, Compression::kZstd}) {
    std::string packed;
    (void)table::Compressor(compression).pack(std::string(300, 'a') + block_seeds()[0], packed);
    seeds.push_back((compression == Compression::kLz4 ? '\0' : '\1') + packed);
  }
  return seeds;
}

// Blocks, prefix, index: in the form that `index_target` takes.
Seeds index_seeds() {
  table::IndexBuilder builder;
  const std::string_view keys[] = {"key1", "key22", "key3", "key301", "key4"};
  for (std::size_t i = 0; i < std::size(keys); ++i) {
    builder.add(100 * i, keys[i], i + 1 < std::size(keys) ? &keys[i + 1] : nullptr);
  }
  const std::string index = builder.finish(500).value();
  const std::string head = {static_cast<char>(builder.blocks()),
                            static_cast<char>(builder.prefix_length())};
  return {head + index};
}

Seeds filter_seeds() {
  return {"\012" + table::build_filter({1, 2, 1234567, ~std::uint64_t{0}}, 10)};
}

Seeds table_seeds() {
  Seeds seeds;
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    seeds.push_back(table::build_table(
        sample_model(3),
        {.block_size = 256, .compression = compression, .bloom_bits_per_key = 10}));
  }
  seeds.push_back(table::build_table({{"a", "1"}}, {.block_size = 256, .bloom_bits_per_key = 0}));
  return seeds;
}

Seeds footer_seeds() {
  Seeds seeds = table_seeds();
  const table::Footer footer = table::decode_footer(seeds[0], "").value();
  seeds.push_back(seeds[0].substr(footer.properties_offset(), footer.properties_length));
  return seeds;
}

Seeds current_seeds() {
  const auto current = manifest::encode_current({.uuid = {1, 2}, .manifest_number = 3});
  const std::string text(fuzz::text_of(std::as_bytes(std::span(current))));
  return {text, text.substr(0, text.size() - 8)};  // with its checksum, and to be given one
}

// Records as the target takes them: published length, count, sizes and payloads.
std::string manifest_records() {
  using namespace tidelock::manifest;
  Encoder out;
  out.put(std::uint16_t{64});
  out.put(std::uint8_t{3});
  VersionEdit first = creation();
  first.added = {{1, manifest::table(1, "a", "b")}, {1, manifest::table(2, "c", "d")}};
  VersionEdit last = flush(9, 3);
  last.removed = {{1, 2}};
  last.seal = Seal{.log = 5, .end = 6, .chain = 7};
  for (const VersionEdit& edit : {first, flush(7, 2), last}) {
    const std::vector<std::byte> payload = encode_edit(edit);
    // Filled up to a multiple of 4 by a field that is passed over.
    const std::size_t filler = 4 - (payload.size() + 6) % 4;
    out.put(static_cast<std::uint8_t>((payload.size() + 6 + filler) / 4));
    out.put_raw(payload);
    out.put(std::uint16_t{0x8001});
    out.put(static_cast<std::uint32_t>(filler));
    out.put_raw(std::vector<std::byte>(filler));
  }
  out.put_string("a torn tail");
  return text_of(std::move(out).take());
}

Seeds manifest_seeds() {
  using namespace tidelock::manifest;
  return {manifest_records(), std::string(3, '\0') + text_of(encode_edit(flush(1, 1)))};
}

// A log; and records to be made, and changed, by the target.
Seeds wal_seeds() {
  wal::test::LogImage log(wal::test::first_header(), 400);
  for (const std::string value : {"", "1", "a value that is somewhat longer than the others"}) {
    log.add(wal::test::put_payload("key", value), log.end.lsn);
  }
  const std::string payload = wal::test::put_payload("key", "value");
  const std::string record = static_cast<char>(payload.size()) + payload;
  const std::string plain = "\3" + record + "\1" + record + '\0' + record + "\1\1" + record + "\1";
  return {text_of(log.bytes), plain + "\1", plain + "\4\1\x20\1\1"};
}

Seeds record_seeds() {
  const std::pair<std::string, std::string> entries[] = {
      {"key", "value"}, {"tab\tand\nline", "\xff\1"}, {"", "b\xc3\xa4r"}};
  Seeds seeds;
  for (const cli::RecordFormat format :
       {cli::RecordFormat::kLines, cli::RecordFormat::kTsv, cli::RecordFormat::kJsonLines}) {
    std::string lines(1, static_cast<char>(format));
    for (const auto& [key, value] : entries) {
      (void)cli::append_record(format, key, value, lines);
    }
    seeds.push_back(lines);
  }
  seeds.push_back("\2{\"key\":[1,{}],\"value\":null}\n\n{\"key\":\"\\u00e4\",\"value\":\"\"}");
  return seeds;
}

// Patches of shared files: where, kind of value, value.
Seeds patch_seeds() {
  return {"", std::string("\0\1\0\0\5", 5),
          std::string("\1\2\1\1\xc0\1\2\3\4\5\6\7\10\3\4\1\x48", 17),
          std::string("\1\xe\0\0\1\xf\1\0\1\0\5\0\x7f", 13)};
}

// Scripts, see database_fuzz.cc.
Seeds database_seeds() {
  Seeds seeds;
  std::mt19937_64 random(5);
  for (std::size_t n = 0; n < 8; ++n) {
    std::string script(20 + 25 * n, '\0');
    for (char& c : script) c = static_cast<char>(random());
    seeds.push_back(std::move(script));
  }
  return seeds;
}

}  // namespace

std::vector<std::string> seeds_of(const Target& target) {
  if (target.name == "block") return block_seeds();
  if (target.name == "packed") return packed_seeds();
  if (target.name == "index") return index_seeds();
  if (target.name == "filter") return filter_seeds();
  if (target.name == "footer") return footer_seeds();
  if (target.name == "table") return table_seeds();
  if (target.name == "current") return current_seeds();
  if (target.name == "manifest") return manifest_seeds();
  if (target.name == "wal") return wal_seeds();
  if (target.name == "record") return record_seeds();
  if (target.name == "units") return {"64KiB", "250ms", "0.5", "12,345", "forever", "2m"};
  if (target.name == "database") return database_seeds();
  if (target.name == "arena" || target.name == "queue" || target.name == "state") {
    return patch_seeds();
  }
  return {"a 'b c' \"d\\t\" \\x41\\\\ # e", "0fA0", "AAECAw==", "\xc2\x85\xe2\x82\xac\xff\n"};
}

}  // namespace tidelock::fuzz
