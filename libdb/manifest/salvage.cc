#include "manifest/salvage.h"

#include <algorithm>
#include <string>
#include <utility>

#include "manifest/codec.h"
#include "manifest/manifest_format.h"

namespace tidelock::manifest {

namespace {

// Where the header of a manifest and that of a record have what is taken from a damaged one.
constexpr std::size_t kUuidOffset = 16;
constexpr std::size_t kNumberOffset = 32;
constexpr std::size_t kSaltOffset = 40;
constexpr std::size_t kChainOffset = 16;
constexpr std::size_t kLengthOffset = 24;

class Salvage {
 public:
  explicit Salvage(std::span<const std::byte> bytes) : bytes_(bytes) {}

  SalvagedManifest run() {
    if (bytes_.size() < kManifestHeaderSize) return std::move(result_);
    read_header();
    std::uint64_t at = kManifestHeaderSize;
    while (at < bytes_.size()) {
      if (const auto end = take(at)) {
        at = *end;
        continue;
      }
      const std::uint64_t next = next_record(at);
      if (next == bytes_.size()) break;  // perhaps an append that was cut off
      result_.gaps.push_back({at, next});
      result_.seal.reset();
      at = next;
    }
    result_.complete = result_.gaps.empty() && result_.created.has_value();
    return std::move(result_);
  }

 private:
  template <typename T>
  [[nodiscard]] T field(std::uint64_t at) const {
    return Decoder(bytes_.subspan(std::min<std::uint64_t>(at, bytes_.size()))).get<T>();
  }

  void read_header() {
    const ManifestId id{{field<std::uint64_t>(kUuidOffset), field<std::uint64_t>(kUuidOffset + 8)},
                        field<std::uint64_t>(kNumberOffset)};
    result_.header_sound = decode_manifest_header(bytes_, id, "manifest").has_value();
    result_.uuid = id.uuid;
    salt_ = field<std::uint64_t>(kSaltOffset);
    chains_ = {salt_};
  }

  [[nodiscard]] std::optional<RecordHeader> header_at(std::uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < kRecordHeaderSize) return std::nullopt;
    return decode_record_header(bytes_.subspan(at).first<kRecordHeaderSize>(), at, salt_);
  }
  [[nodiscard]] std::optional<std::span<const std::byte>> payload_at(std::uint64_t at,
                                                                     std::uint32_t length) const {
    const std::uint64_t start = at + kRecordHeaderSize;
    if (start > bytes_.size() || bytes_.size() - start < length) return std::nullopt;
    return bytes_.subspan(start, length);
  }
  // Whether a record at `at`, edit or mark, continues that chain value.
  [[nodiscard]] bool continues(std::uint64_t at, std::uint64_t chain) const {
    const auto header = header_at(at);
    const auto payload = header ? payload_at(at, header->length) : std::nullopt;
    return payload && extend_chain(chain, *payload) == header->chain;
  }

  // Adopts the record at `at` if it is proven: its end.
  std::optional<std::uint64_t> take(std::uint64_t at) {
    const auto header = header_at(at);
    const auto length = header ? header->length : field<std::uint32_t>(at + kLengthOffset);
    const auto payload = payload_at(at, length);
    if (!payload) return std::nullopt;
    const std::uint64_t end = at + kRecordHeaderSize + length;
    for (const std::uint64_t chain : chains_) {
      const std::uint64_t end_chain = extend_chain(chain, *payload);
      // Of a damaged header the record behind says that this is what was there.
      if (header ? end_chain != header->chain : !continues(end, end_chain)) continue;
      if (header && header->kind == RecordKind::kEndMark) return bytes_.size();
      if (!adopt(*payload)) return std::nullopt;
      chains_ = {end_chain};
      return end;
    }
    return std::nullopt;
  }

  // Where the next record header is, behind one that was not taken; the file's end if nowhere.
  std::uint64_t next_record(std::uint64_t at) {
    const auto header = header_at(at);
    chains_ = {header ? header->chain : field<std::uint64_t>(at + kChainOffset)};
    for (std::uint64_t next = at + 1; next + kRecordHeaderSize <= bytes_.size(); ++next) {
      if (header_at(next)) return next;
    }
    return bytes_.size();
  }

  bool adopt(std::span<const std::byte> payload) {
    const Result<VersionEdit> edit = decode_edit(payload);
    if (!edit) return false;
    for (const RemovedFile& file : edit->removed) {
      result_.tables.erase(file.number);
      result_.removed.insert(file.number);
    }
    for (const AddedFile& file : edit->added) {
      result_.tables[file.file->number] = {file.level, file.file};
      result_.removed.erase(file.file->number);
    }
    raise(result_.oldest_log, edit->oldest_log);
    raise(result_.oldest_lsn, edit->oldest_lsn);
    raise(result_.oldest_sequence, edit->oldest_sequence);
    raise(result_.last_sequence, edit->last_sequence);
    if (edit->seal) result_.seal = edit->seal;
    const bool sealed_is_flushed = result_.seal && result_.seal->log < result_.oldest_log;
    if (edit->clear_seal || sealed_is_flushed) result_.seal.reset();
    if (edit->created) result_.created = edit->created;
    return true;
  }

  static void raise(std::uint64_t& value, const std::optional<std::uint64_t>& to) {
    if (to) value = std::max(value, *to);
  }

  std::span<const std::byte> bytes_;
  std::uint64_t salt_ = 0;
  std::vector<std::uint64_t> chains_;  // what the chain value before the next record may be
  SalvagedManifest result_;
};

}  // namespace

SalvagedManifest salvage_manifest(std::span<const std::byte> bytes) {
  return Salvage(bytes).run();
}

}  // namespace tidelock::manifest
