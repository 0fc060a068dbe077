#include "db/wreck.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <utility>

#include "lsm/destroy.h"
#include "lsm/table_set.h"
#include "manifest/current.h"
#include "os/directory.h"
#include "os/error.h"
#include "os/file.h"
#include "table/salvage.h"

namespace tidelock {

namespace {

using Effect = RepairFinding::Effect;
using state::FileKind;

constexpr std::size_t kSector = 4096;

// Sector by sector; what cannot be read stays as it is.
Status read_readable(const os::File& file, std::uint64_t offset, std::span<std::byte> out) {
  const Result<std::size_t> whole = file.read(offset, out);
  if (whole || whole.error().code() != StatusCode::kIo) return whole.status();
  for (std::size_t at = 0; at < out.size(); at += kSector) {
    (void)file.read(offset + at, out.subspan(at, std::min(kSector, out.size() - at)));
  }
  return {};
}

bool overlap(const WreckedTable& table, const manifest::FileMeta& meta) {
  return !table.smallest || (*table.smallest <= meta.largest && meta.smallest <= *table.largest);
}

}  // namespace

Result<FileBytes> FileBytes::load(const std::string& path) {
  Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
  if (!file) return file.error();
  const Result<std::uint64_t> size = file->size();
  if (!size) return size.error();
  FileBytes loaded;
  loaded.data_.reset(new (std::nothrow) std::byte[*size]());
  if (loaded.data_ == nullptr) {
    return os::error_status(ENOMEM, "read the whole of", path);
  }
  loaded.size_ = *size;
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const std::span<std::byte> bytes(loaded.data_.get(), loaded.size_);
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    const auto chunk = bytes.subspan(at, std::min(kChunk, bytes.size() - at));
    if (Status status = read_readable(*file, at, chunk); !status.ok()) return status;
  }
  return loaded;
}

KeyRange inclusive_range(const std::optional<std::string>& smallest,
                         const std::optional<std::string>& largest) {
  KeyRange range{.lower = smallest};
  if (largest) range.upper = *largest + '\0';
  return range;
}

Result<Wreck> Wreck::survey(const std::string& directory) {
  Wreck wreck(directory);
  Status status = wreck.read_names();
  if (status.ok()) status = wreck.read_manifest();
  if (status.ok()) status = wreck.find_uuid();
  if (status.ok()) status = wreck.read_tables();
  if (status.ok()) status = wreck.read_logs();
  if (!status.ok()) return status;
  return wreck;
}

void Wreck::note(Effect effect, std::string file, std::uint64_t from, std::uint64_t to,
                 std::string what, KeyRange keys) {
  findings_.push_back({.effect = effect,
                       .file = std::move(file),
                       .from = from,
                       .to = to,
                       .what = std::move(what),
                       .keys = std::move(keys)});
}

Status Wreck::recognise(const std::string& directory) {
  const Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  const auto has = [&](const char* name) { return std::ranges::count(*names, name) != 0; };
  const bool files = std::ranges::any_of(
      *names, [](const std::string& name) { return state::parse_file_name(name).has_value(); });
  const Result<bool> destroyed = lsm::is_being_destroyed(directory);
  if (!destroyed) return destroyed.error();
  const bool ours = has(state::kCurrentName) || (files && !*destroyed);
  if (!ours) return Status(StatusCode::kNotFound, "repair " + directory + ": there is no database");
  Status current = manifest::read_current(directory, Access::kReadOnly).status();
  return current.code() == StatusCode::kUnsupported ? current : Status();
}

Status Wreck::read_names() {
  Result<std::vector<std::string>> names = os::list_directory(directory_);
  if (!names) return names.error();
  for (std::string& name : *names) {
    if (const auto file = state::parse_file_name(name)) files_.emplace_back(*file, std::move(name));
  }
  std::ranges::sort(files_, {}, [](const auto& file) { return file.first.number; });
  return {};
}

Wreck::Names Wreck::names(FileKind kind) const {
  Names found;
  for (const auto& [file, name] : files_) {
    if (file.kind == kind) found.emplace_back(file.number, name);
  }
  return found;
}

Status Wreck::read_manifest() {
  const Result<manifest::Current> current = manifest::read_current(directory_, Access::kReadOnly);
  if (current) {
    known_uuid_ = current->uuid;
    return choose_manifest(current->manifest_number);
  }
  const StatusCode code = current.error().code();
  if (code != StatusCode::kCorruption && code != StatusCode::kNotFound && code != StatusCode::kIo) {
    return current.error();
  }
  note(Effect::kNone, state::kCurrentName, 0, 0, current.error().message());
  return choose_manifest({});
}

// The one that CURRENT names, else the newest that has a first record.
Status Wreck::choose_manifest(const std::optional<std::uint64_t>& live) {
  Names manifests = names(FileKind::kManifest);
  std::ranges::reverse(manifests);
  std::ranges::stable_sort(manifests, {}, [&](const auto& m) { return m.first != live; });
  std::string chosen;
  for (const auto& [number, name] : manifests) {
    if (number != live && manifest_.created) break;
    Result<FileBytes> bytes = FileBytes::load(path(name));
    if (!bytes) return bytes.error();
    manifest::SalvagedManifest found = manifest::salvage_manifest(bytes->bytes());
    if (found.header_sound && known_uuid_ && found.uuid != *known_uuid_) continue;
    if (!found.created && !chosen.empty()) continue;
    manifest_ = std::move(found);
    chosen = name;
  }
  if (chosen.empty()) {
    manifest_ = {};
    chosen = "MANIFEST";
  }
  if (manifest_.header_sound) known_uuid_ = known_uuid_.value_or(manifest_.uuid);
  const bool is_live =
      !live || chosen == state::file_path("", FileKind::kManifest, *live).substr(1);
  manifest_.complete = manifest_.complete && is_live;
  if (!is_live) note(Effect::kPresumed, "MANIFEST", 0, 0, "the live manifest is missing");
  for (const manifest::SalvagedManifest::Gap& gap : manifest_.gaps) {
    note(Effect::kPresumed, chosen, gap.from, gap.to, "which tables counted is not wholly known");
  }
  if (is_live && !manifest_.created && manifest_.gaps.empty()) {
    note(Effect::kPresumed, chosen, 0, 0, "damaged or missing; which tables counted is not known");
  }
  return {};
}

// Without CURRENT and manifest, what most tables and logs say of themselves.
Status Wreck::find_uuid() {
  std::vector<manifest::Uuid> said;
  for (const auto& [file, name] : files_) {
    if (known_uuid_) break;
    if (file.kind != FileKind::kTable && file.kind != FileKind::kLog) continue;
    Result<FileBytes> bytes = FileBytes::load(path(name));
    if (!bytes) return bytes.error();
    if (file.kind == FileKind::kTable) {
      const auto footer = table::decode_footer(bytes->text(), name);
      if (footer) said.push_back(std::bit_cast<manifest::Uuid>(footer->identity.uuid));
      continue;
    }
    const auto header = wal::decode_log_header(bytes->bytes(), file.number);
    if (header && header->state == wal::HeaderState::kGood) said.push_back(header->header.uuid);
  }
  const auto votes = [&said](const manifest::Uuid& uuid) { return std::ranges::count(said, uuid); };
  const auto most = std::ranges::max_element(said, {}, votes);
  uuid_ = known_uuid_ ? *known_uuid_ : most == said.end() ? manifest::Uuid{} : *most;
  return {};
}

Status Wreck::read_tables() {
  for (const auto& [number, name] : names(FileKind::kTable)) {
    if (Status status = read_table(number, name); !status.ok()) return status;
  }
  place_tables();
  return {};
}

Status Wreck::read_table(std::uint64_t named, const std::string& file) {
  Result<FileBytes> bytes = FileBytes::load(path(file));
  if (!bytes) return bytes.error();
  const table::TableSalvage salvage(bytes->text(), lsm::table_identity(uuid_, named));
  const std::uint64_t number = salvage.identity().number;
  if (salvage.identity() != lsm::table_identity(uuid_, number)) {
    note(Effect::kNone, file, 0, 0, "a table of another database");
    return {};
  }
  WreckedTable table{.file = file, .number = number};
  table.proven = table::decode_footer(bytes->text(), file).has_value();
  if (const table::Properties* properties = salvage.properties()) {
    table.highest_sequence = properties->highest_sequence;
    table.entries = properties->entries;
    table.smallest = properties->smallest;
    table.largest = properties->largest;
  }
  if (number != named) {
    note(Effect::kNone, file, 0, 0, "holds table " + std::to_string(number));
  }
  const auto twin = std::ranges::find(tables_, number, &WreckedTable::number);
  if (twin == tables_.end()) {
    tables_.push_back(std::move(table));
  } else if (!twin->proven && table.proven) {
    *twin = std::move(table);
  }
  return {};
}

// Level by level, the deepest first; in a level, and where levels are not known, by age.
void Wreck::place_tables() {
  std::erase_if(tables_, [this](const WreckedTable& table) {
    return manifest_.complete ? !manifest_.tables.contains(table.number)
                              : manifest_.removed.contains(table.number);
  });
  for (WreckedTable& table : tables_) {
    const auto place = manifest_.tables.find(table.number);
    if (place == manifest_.tables.end()) {
      place_by_evidence(table);
      continue;
    }
    const manifest::FileMeta& meta = *place->second.file;
    table.level = place->second.level;
    table.highest_sequence = meta.highest_sequence;
    table.entries = meta.entries;
    table.smallest = meta.smallest;
    table.largest = meta.largest;
  }
  report_missing_tables();
  std::ranges::sort(tables_, [](const WreckedTable& a, const WreckedTable& b) {
    if (a.level != b.level) return a.level > b.level;
    if (a.highest_sequence != b.highest_sequence) return a.highest_sequence < b.highest_sequence;
    return a.number < b.number;
  });
}

// Tables that a lost edit added: the result of a merge of tables that are gone lies where the
// deepest of these lay; else it is one of level 0.
void Wreck::place_by_evidence(WreckedTable& table) {
  for (const auto& [number, place] : manifest_.tables) {
    const bool gone = std::ranges::find(tables_, number, &WreckedTable::number) == tables_.end();
    if (gone && overlap(table, *place.file) &&
        place.file->highest_sequence <= table.highest_sequence) {
      table.level = std::max(table.level, place.level);
    }
  }
  note(Effect::kPresumed, table.file, 0, 0,
       "no edit that is left names this table; its age is that of its newest entry",
       inclusive_range(table.smallest, table.largest));
}

void Wreck::report_missing_tables() {
  for (const auto& [number, place] : manifest_.tables) {
    if (std::ranges::find(tables_, number, &WreckedTable::number) != tables_.end()) continue;
    const manifest::FileMeta& meta = *place.file;
    const bool replaced = std::ranges::any_of(tables_, [&](const WreckedTable& table) {
      return !manifest_.tables.contains(table.number) && overlap(table, meta) &&
             table.highest_sequence >= meta.highest_sequence;
    });
    const std::string name = state::file_path("", FileKind::kTable, number).substr(1);
    note(replaced ? Effect::kPresumed : Effect::kLost, name, 0, 0,
         replaced ? "missing; a lost edit seems to have replaced it"
                  : "missing, with " + std::to_string(meta.entries) + " entries",
         inclusive_range(meta.smallest, meta.largest));
  }
}

}  // namespace tidelock
