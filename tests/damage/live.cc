#include "damage/live.h"

#include <cstdlib>
#include <filesystem>

#include "os/directory.h"
#include "os/mapping.h"
#include "state/file_names.h"
#include "state/shared_state.h"
#include "tidelock/db.h"

namespace tidelock::test {

namespace fs = std::filesystem;

namespace {

// Gives the STATE of a copied directory the inodes of the copies, so that it is in force there.
void enforce(const std::string& directory) {
  auto state = state::SharedState::map(directory, os::Protection::kReadWrite);
  if (!state) std::abort();
  state::Layout& shared = ***state;
  const auto inode = [&](const std::string& name) {
    const auto identity = os::path_identity(directory + "/" + name);
    return identity ? identity->inode : 0;  // flushed, and removed
  };
  shared.header.inode = inode("STATE");
  state::MemtableHalf half = shared.memtables.load().value;
  for (std::uint64_t i = 0; i < half.count; ++i) {
    state::MemtableEntry& entry = half.entries[i];
    const auto path = [](state::FileKind kind, std::uint64_t number) {
      return state::file_path("", kind, number).substr(1);
    };
    entry.log_inode = inode(path(state::FileKind::kLog, entry.log_number));
    entry.arena_inode = inode(path(state::FileKind::kArena, entry.arena_number));
  }
  shared.memtables.publish(shared.memtables.number() + 1, half);
}

}  // namespace

bool is_shared(const std::string& name) {
  return name == "STATE" || name == "QUEUE" || name.ends_with(".mem");
}

Files read_files(const std::string& directory) {
  Files files;
  for (const auto& file : fs::directory_iterator(directory)) {
    files[file.path().filename()] = read_file(file.path());
  }
  return files;
}

void make_live_copy(const std::string& directory, const Files& files) {
  fs::remove_all(directory);
  write_sparse_files(directory, files);
  enforce(directory);
}

Verdict use(const std::string& directory, const Sample& sample, Access access,
            std::chrono::milliseconds hurry) {
  Options options;
  options.access = access;
  options.background = Background::kNone;
  options.wait.deadline = hurry;
  Result<Db> db = Db::open(directory, options);
  if (!db) return {Outcome::kRefused, {}};
  bool refused = false;
  const auto hear = [&refused](const Status& status) { refused = refused || !status.ok(); };
  bool same = true;
  for (const auto& [key, values] : sample.history) {
    const auto found = db->get(key);
    hear(found.status());
    const auto expected = sample.entries.find(key);
    const bool missing = !found || !found->has_value();
    same = same &&
           (expected == sample.entries.end() ? missing : !missing && **found == expected->second);
  }
  Result<Iterator> at = db->iterate();
  hear(at.status());
  if (at) {
    for (at->seek_first(); at->valid(); at->next()) {
    }
    for (at->seek_last(); at->valid(); at->prev()) {
    }
    hear(at->status());
  }
  hear(db->check().status());
  hear(db->stats().status());
  if (access == Access::kReadWrite) {
    hear(db->lock_info().status());
    hear(db->put("key", "written amid damage"));
    hear(db->erase("key"));
    hear(db->sync());
    hear(db->flush());
  }
  hear(db->close());
  return {refused ? Outcome::kRefused : same ? Outcome::kSame : Outcome::kReported, {}};
}

}  // namespace tidelock::test
