#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "power/recorder.h"
#include "support/random.h"

// What a power cut may leave of a directory.
namespace tidelock::test {

using Bytes = std::vector<std::byte>;
// Name -> content.
using Image = std::map<std::string, std::shared_ptr<const Bytes>>;

// What a crash state had that the files before the cut had not; for the account of a run.
struct Damage {
  std::uint64_t sectors = 0;  // written and not synced: left out
  std::uint64_t sizes = 0;    // files with an older length
  std::uint64_t names = 0;    // changes of the directory left out
};

struct CrashState {
  bool directory = true;  // false: the directory itself is lost
  Image files;
  std::vector<std::string> shared;  // names of files that the next boot ignores; bytes unknown
  Damage damage;
};

// A disk under a recorded run. It promises no more than this:
//
// D1. A write, also one through a mapping, reaches the disk in sectors of 512 bytes, each at any
//     time after it began. Of several writes to one sector those on disk are the earlier ones.
// D2. Once fdatasync or fsync returned, bytes and length of the file are on disk as they were when
//     it began, at least. Not its name.
// D3. A change of the directory (creation, rename, removal) happens whole, at any time after it
//     began, in any order with others. Once the fsync of the directory returned, those are on disk
//     that had ended when it began.
// D4. Length and bytes reach the disk independently; what lies between is zero.
// D5. After a sync that failed, bytes that it was to write may never reach the disk, whatever a
//     later sync of the file returns, unless they are written again.
// D6. The rename of a name, its creation and its removal stay in order.
class Disk {
 public:
  // `start` is on disk already. The operations are kept by reference.
  Disk(const Image& start, std::span<const Operation> operations);

  // Lets everything happen that began before `time`. Times ascend.
  void run_until(std::uint64_t time);
  // What is found if the power is cut now.
  [[nodiscard]] CrashState cut(Random& random) const;

 private:
  static constexpr std::uint64_t kSector = 512;

  struct File {
    std::shared_ptr<Bytes> synced;
    std::uint64_t length = 0;  // as running processes see it
    std::uint64_t synced_length = 0;
    std::map<std::uint64_t, std::vector<const Operation*>> sectors;  // written, not synced
    std::vector<std::pair<const Operation*, std::uint64_t>> lengths;
    std::uint64_t failed = 0;  // end of the last sync that failed
  };
  using FileRef = std::shared_ptr<File>;
  using Names = std::map<std::string, FileRef>;
  struct Change {
    const Operation* operation;
    FileRef file;
  };
  struct Step {
    std::uint64_t time;
    const Operation* operation;
    bool ended;
  };
  class Chooser;

  void begin(const Operation& operation);
  void end(const Operation& operation);
  void create(const Operation& operation);
  void write(File& file, const Operation& operation);
  void sync(File& file, const Operation& operation);
  void sync_directory(const Operation& operation);
  static void apply(Bytes& bytes, const Operation& operation, std::uint64_t sector);
  static void apply(Names& names, const Change& change);
  static std::shared_ptr<const Bytes> content(const File& file, Chooser& chooser, Damage& damage);

  std::vector<Step> steps_;
  std::size_t next_ = 0;
  std::uint64_t now_ = 0;
  std::map<std::string, FileRef> latest_;  // by the names that processes know them by
  Names synced_names_;
  std::vector<Change> changes_;  // of names, not synced
  bool directory_synced_ = true;
  const Operation* made_ = nullptr;  // the making of the directory
  std::uint64_t made_by_ = 0;  // when it was over: others may be in it before its maker says so
};

// Writes a crash state into a directory that does not exist yet.
void make_directory_of(const CrashState& state, const std::string& path);

}  // namespace tidelock::test
