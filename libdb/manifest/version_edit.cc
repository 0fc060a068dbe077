#include "manifest/version_edit.h"

#include <utility>

#include "manifest/codec.h"

namespace tidelock::manifest {

namespace {

// Each field is tag, length of its body, body. Persisted: never renumber.
enum class Tag : std::uint16_t {
  kRemovedFile = 1,
  kAddedFile = 2,
  kOldestLog = 3,
  kNextFileNumber = 4,
  kLastSequence = 5,
  kSeal = 6,
  kClearSeal = 7,
  kCreated = 8,
  kOldestLsn = 9,
  kOldestSequence = 10,
};

// A reader that does not know a tag with this bit passes over the field.
constexpr std::uint16_t kIgnorable = 0x8000;

static_assert(Compression::kNone == Compression{0} && Compression::kLz4 == Compression{1} &&
              Compression::kZstd == Compression{2});
static_assert(CompactionStyle::kLeveled == CompactionStyle{0} &&
              CompactionStyle::kManual == CompactionStyle{1});

// The only keyspace of format version 1.
constexpr std::uint32_t kKeyspace = 0;

void put_field(Encoder& out, Tag tag, const Encoder& body) {
  out.put(static_cast<std::uint16_t>(tag));
  out.put(static_cast<std::uint32_t>(body.size()));
  out.put_raw(body.bytes());
}

void put_number(Encoder& out, Tag tag, const std::optional<std::uint64_t>& number) {
  if (!number) return;
  Encoder body;
  body.put(*number);
  put_field(out, tag, body);
}

void put_removed(Encoder& out, const RemovedFile& removed) {
  Encoder body;
  body.put(removed.level);
  body.put(removed.number);
  put_field(out, Tag::kRemovedFile, body);
}

void put_added(Encoder& out, const AddedFile& added) {
  const FileMeta& file = *added.file;
  Encoder body;
  body.put(added.level);
  body.put(kKeyspace);
  body.put(file.number);
  body.put(file.memtable_number);
  body.put(file.size);
  body.put(file.entries);
  body.put(file.tombstones);
  body.put(file.data_blocks);
  body.put(file.highest_sequence);
  body.put_string(file.smallest);
  body.put_string(file.largest);
  put_field(out, Tag::kAddedFile, body);
}

void put_seal(Encoder& out, const Seal& seal) {
  Encoder body;
  body.put(seal.log);
  body.put(seal.end);
  body.put(seal.chain);
  put_field(out, Tag::kSeal, body);
}

void put_created(Encoder& out, const CreationOptions& created) {
  Encoder body;
  body.put(static_cast<std::uint8_t>(created.engine));
  body.put(static_cast<std::uint8_t>(created.compression));
  body.put(static_cast<std::uint8_t>(created.compaction_style));
  body.put(created.memtable_size);
  body.put(created.block_size);
  body.put(created.bloom_bits_per_key);
  put_field(out, Tag::kCreated, body);
}

Status corruption(const std::string& what) {
  return Status(StatusCode::kCorruption, what);
}

Status unsupported(const char* what, std::uint64_t value) {
  return Status(StatusCode::kUnsupported, "unknown " + std::string(what) + " " +
                                              std::to_string(value) +
                                              "; a newer release may have written it");
}

Status get_removed(Decoder& body, VersionEdit& edit) {
  RemovedFile removed;
  removed.level = body.get<std::uint32_t>();
  removed.number = body.get<std::uint64_t>();
  edit.removed.push_back(removed);
  return {};
}

Status get_added(Decoder& body, VersionEdit& edit) {
  const auto level = body.get<std::uint32_t>();
  const auto keyspace = body.get<std::uint32_t>();
  if (keyspace != kKeyspace) return unsupported("keyspace", keyspace);
  auto file = std::make_shared<FileMeta>();
  file->number = body.get<std::uint64_t>();
  file->memtable_number = body.get<std::uint64_t>();
  file->size = body.get<std::uint64_t>();
  file->entries = body.get<std::uint64_t>();
  file->tombstones = body.get<std::uint64_t>();
  file->data_blocks = body.get<std::uint64_t>();
  file->highest_sequence = body.get<std::uint64_t>();
  file->smallest = body.get_string();
  file->largest = body.get_string();
  edit.added.push_back({level, std::move(file)});
  return {};
}

Status get_number(Decoder& body, std::optional<std::uint64_t>& number) {
  if (number) return corruption("a field stands twice");
  number = body.get<std::uint64_t>();
  return {};
}

Status get_seal(Decoder& body, VersionEdit& edit) {
  if (edit.seal) return corruption("a field stands twice");
  Seal& seal = edit.seal.emplace();
  seal.log = body.get<std::uint64_t>();
  seal.end = body.get<std::uint64_t>();
  seal.chain = body.get<std::uint64_t>();
  return {};
}

Status get_clear_seal(VersionEdit& edit) {
  if (edit.clear_seal) return corruption("a field stands twice");
  edit.clear_seal = true;
  return {};
}

Status get_created(Decoder& body, VersionEdit& edit) {
  if (edit.created) return corruption("a field stands twice");
  CreationOptions& created = edit.created.emplace();
  const auto engine = body.get<std::uint8_t>();
  const auto compression = body.get<std::uint8_t>();
  const auto style = body.get<std::uint8_t>();
  created.memtable_size = body.get<std::uint64_t>();
  created.block_size = body.get<std::uint32_t>();
  created.bloom_bits_per_key = body.get<std::uint32_t>();
  if (body.failed()) return {};  // reported by the caller, as for every field
  if (engine != static_cast<std::uint8_t>(Engine::kLsm)) return unsupported("engine", engine);
  if (compression > static_cast<std::uint8_t>(Compression::kZstd)) {
    return unsupported("compression", compression);
  }
  if (style > static_cast<std::uint8_t>(CompactionStyle::kManual)) {
    return unsupported("compaction style", style);
  }
  created.compression = static_cast<Compression>(compression);
  created.compaction_style = static_cast<CompactionStyle>(style);
  return {};
}

Status get_field(std::uint16_t tag, Decoder& body, VersionEdit& edit) {
  switch (static_cast<Tag>(tag)) {
    case Tag::kRemovedFile:
      return get_removed(body, edit);
    case Tag::kAddedFile:
      return get_added(body, edit);
    case Tag::kOldestLog:
      return get_number(body, edit.oldest_log);
    case Tag::kNextFileNumber:
      return get_number(body, edit.next_file_number);
    case Tag::kLastSequence:
      return get_number(body, edit.last_sequence);
    case Tag::kSeal:
      return get_seal(body, edit);
    case Tag::kClearSeal:
      return get_clear_seal(edit);
    case Tag::kCreated:
      return get_created(body, edit);
    case Tag::kOldestLsn:
      return get_number(body, edit.oldest_lsn);
    case Tag::kOldestSequence:
      return get_number(body, edit.oldest_sequence);
  }
  return unsupported("field", tag);
}

Status at_field(std::size_t start, const Status& status) {
  return Status(status.code(),
                "edit field at byte " + std::to_string(start) + ": " + status.message());
}

}  // namespace

std::vector<std::byte> encode_edit(const VersionEdit& edit) {
  Encoder out;
  if (edit.created) put_created(out, *edit.created);
  put_number(out, Tag::kOldestLog, edit.oldest_log);
  put_number(out, Tag::kOldestLsn, edit.oldest_lsn);
  put_number(out, Tag::kOldestSequence, edit.oldest_sequence);
  put_number(out, Tag::kNextFileNumber, edit.next_file_number);
  put_number(out, Tag::kLastSequence, edit.last_sequence);
  if (edit.seal) put_seal(out, *edit.seal);
  if (edit.clear_seal) put_field(out, Tag::kClearSeal, Encoder());
  for (const RemovedFile& removed : edit.removed) put_removed(out, removed);
  for (const AddedFile& added : edit.added) put_added(out, added);
  return std::move(out).take();
}

Result<VersionEdit> decode_edit(std::span<const std::byte> bytes) {
  VersionEdit edit;
  Decoder in(bytes);
  while (!in.at_end()) {
    const std::size_t start = in.offset();
    const auto tag = in.get<std::uint16_t>();
    Decoder body(in.get_raw(in.get<std::uint32_t>()));
    if (in.failed()) return at_field(start, corruption("cut short"));
    if ((tag & kIgnorable) != 0) continue;
    Status status = get_field(tag, body, edit);
    if (status.ok() && !body.complete()) status = corruption("wrong length");
    if (!status.ok()) return at_field(start, status);
  }
  return edit;
}

}  // namespace tidelock::manifest
