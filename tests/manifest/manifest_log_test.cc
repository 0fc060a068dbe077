#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <random>

#include "manifest/manifest_reader.h"
#include "manifest/manifest_writer.h"
#include "manifest_samples.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "support/child_process.h"
#include "support/fault.h"
#include "support/seed.h"
#include "support/temporary_directory.h"

namespace tidelock::manifest {
namespace {

constexpr ManifestId kId{.uuid = {1, 2}, .number = 3};

// A directory with a manifest of one record, and what tests do to it.
class ManifestLog : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<ManifestPosition> end = create_manifest(directory_.path(), kId, creation(), {});
    ASSERT_TRUE(end.has_value()) << end.status().to_string();
    ends_.push_back(*end);
    versions_.push_back(version_of({creation()}));
  }

  // Appends an edit that applies, as the holder of the manifest byte would.
  void append(const VersionEdit& edit) {
    Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
    ASSERT_TRUE(writer.has_value()) << writer.status().to_string();
    Result<ManifestPosition> end = writer->append(ends_.back(), edit);
    ASSERT_TRUE(end.has_value()) << end.status().to_string();
    Result<Version> next = versions_.back().apply(edit);
    ASSERT_TRUE(next.has_value()) << next.status().to_string();
    ends_.push_back(*end);
    versions_.push_back(*next);
  }

  void append_flushes(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t memtable = versions_.back().oldest_log();
      append(flush(100 + memtable, memtable));
    }
  }

  [[nodiscard]] ManifestReader reader() const {
    Result<ManifestReader> reader = ManifestReader::open(directory_.path(), kId);
    EXPECT_TRUE(reader.has_value()) << reader.status().to_string();
    return std::move(*reader);
  }

  [[nodiscard]] std::string path() const { return directory_.file("MANIFEST-000003"); }

  // The version of the first `edits` + 1 records, at their end.
  void expect_at(const ManifestReader& reader, std::size_t edits) const {
    EXPECT_EQ(reader.position(), ends_.at(edits));
    EXPECT_EQ(fingerprint(reader.version()), fingerprint(versions_.at(edits)));
  }

  void expect_damage(const Status& status, std::uint64_t offset) const {
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << status.to_string();
    EXPECT_NE(status.message().find(path() + " at " + std::to_string(offset)), std::string::npos)
        << status.message();
  }

  test::TemporaryDirectory directory_;
  std::vector<ManifestPosition> ends_;  // of each record
  std::vector<Version> versions_;       // there
};

void flip(std::string& bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
}

TEST_F(ManifestLog, IsReadAsItWasWritten) {
  append_flushes(5);
  ManifestReader all = reader();
  EXPECT_TRUE(all.version().empty());
  ASSERT_TRUE(all.read_all().ok());
  expect_at(all, 5);
  EXPECT_TRUE(all.synced());
  EXPECT_FALSE(all.outgrown());
}

TEST_F(ManifestLog, BeginsWithASnapshotOfAnyVersion) {
  append_flushes(3);
  VersionEdit deeper;
  deeper.added = {{4, table(50, "k", "l")}, {4, table(51, "m", "n")}};
  deeper.seal = Seal{.log = 9, .end = 10, .chain = 11};
  append(deeper);
  const ManifestId next{.uuid = kId.uuid, .number = 4};
  ASSERT_TRUE(
      create_manifest(directory_.path(), next, version_snapshot(versions_.back()), {}).has_value());
  Result<ManifestReader> copy = ManifestReader::open(directory_.path(), next);
  ASSERT_TRUE(copy.has_value());
  ASSERT_TRUE(copy->read_all().ok());
  EXPECT_EQ(fingerprint(copy->version()), fingerprint(versions_.back()));
}

TEST_F(ManifestLog, IsReadToExactlyThePublishedLength) {
  append_flushes(3);
  ManifestReader tail = reader();
  for (std::size_t edits = 0; edits <= 3; ++edits) {
    ASSERT_TRUE(tail.read_to(ends_[edits].length).ok());
    expect_at(tail, edits);
    EXPECT_TRUE(tail.synced());
  }
  ASSERT_TRUE(tail.read_to(ends_[1].length).ok()) << "a shorter length was read before";
  expect_at(tail, 3);
}

TEST_F(ManifestLog, IsFollowedWhileItGrows) {
  ManifestReader tail = reader();
  for (std::size_t edits = 0; edits < 4; ++edits) {
    ASSERT_TRUE(tail.read_all().ok());
    expect_at(tail, edits);
    append_flushes(1);
  }
}

TEST_F(ManifestLog, RefusesAPublishedLengthThatNoRecordEndsAt) {
  append_flushes(1);
  expect_damage(reader().read_to(ends_[1].length - 1), ends_[0].length);
  expect_damage(reader().read_to(ends_[1].length + 1), ends_[1].length);
  expect_damage(reader().read_to(0), kManifestHeaderSize);
  ManifestReader tail = reader();
  expect_damage(tail.read_to(std::uint64_t{1} << 60), ends_[1].length);
  expect_at(tail, 1);
}

TEST_F(ManifestLog, ReportsAFileCutShortBelowItsPublishedLength) {
  append_flushes(2);
  const std::string whole = read_file(path());
  for (std::uint64_t size = kManifestHeaderSize; size < ends_[2].length; ++size) {
    write_file(path(), whole.substr(0, size));
    std::size_t intact = 0;
    while (intact < 2 && ends_[intact].length <= size) ++intact;
    expect_damage(reader().read_to(ends_[2].length),
                  intact == 0 ? kManifestHeaderSize : ends_[intact - 1].length);
  }
}

TEST_F(ManifestLog, CutShortAnywhereIsAnEarlierVersionOrCorruption) {
  append_flushes(2);
  const std::string whole = read_file(path());
  for (std::uint64_t size = 0; size < whole.size(); ++size) {
    write_file(path(), whole.substr(0, size));
    Result<ManifestReader> cut = ManifestReader::open(directory_.path(), kId);
    if (size < kManifestHeaderSize) {
      expect_damage(cut.status(), size);
      continue;
    }
    ASSERT_TRUE(cut.has_value());
    const Status status = cut->read_all();
    if (size < ends_[0].length) {
      expect_damage(status, kManifestHeaderSize);
      continue;
    }
    ASSERT_TRUE(status.ok()) << status.to_string();
    expect_at(*cut, size < ends_[1].length ? 0 : size < ends_[2].length ? 1 : 2);
    EXPECT_FALSE(cut->synced()) << "no proof is left at " << size;
  }
}

TEST_F(ManifestLog, ReportsEveryFlippedBitBelowTheEndMark) {
  append_flushes(2);
  const std::string whole = read_file(path());
  ASSERT_EQ(whole.size(), ends_[2].length + kRecordHeaderSize);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    flip(damaged, bit);
    write_file(path(), damaged);
    Result<ManifestReader> read = ManifestReader::open(directory_.path(), kId);
    const Status status = read ? read->read_all() : read.status();
    if (bit / 8 >= ends_[2].length) {
      ASSERT_TRUE(status.ok()) << "bit " << bit;
      expect_at(*read, 2);
      continue;
    }
    ASSERT_EQ(status.code(), StatusCode::kCorruption) << "bit " << bit << status.to_string();
    ASSERT_NE(status.message().find(path() + " at "), std::string::npos) << status.message();
  }
}

TEST_F(ManifestLog, ReportsEveryFlippedBitBelowThePublishedLength) {
  append_flushes(2);
  const std::string whole = read_file(path()).substr(0, ends_[2].length);  // without end mark
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    flip(damaged, bit);
    write_file(path(), damaged);
    Result<ManifestReader> read = ManifestReader::open(directory_.path(), kId);
    const Status status = read ? read->read_to(ends_[2].length) : read.status();
    ASSERT_EQ(status.code(), StatusCode::kCorruption) << "bit " << bit;
  }
}

TEST_F(ManifestLog, EndsBeforeALastRecordThatIsDamagedAndUnproved) {
  append_flushes(2);
  const std::string whole = read_file(path()).substr(0, ends_[2].length);
  for (std::size_t bit = ends_[1].length * 8; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    flip(damaged, bit);
    write_file(path(), damaged);
    ManifestReader read = reader();
    ASSERT_TRUE(read.read_all().ok()) << "bit " << bit;
    expect_at(read, 1);
    EXPECT_FALSE(read.synced());
  }
}

TEST_F(ManifestLog, ReadsOnWhereDamageWasRepaired) {
  append_flushes(3);
  const std::string whole = read_file(path());
  std::string damaged = whole;
  flip(damaged, ends_[1].length * 8);
  write_file(path(), damaged);
  ManifestReader read = reader();
  expect_damage(read.read_all(), ends_[1].length);
  expect_at(read, 1);
  write_file(path(), whole);
  ASSERT_TRUE(read.read_all().ok());
  expect_at(read, 3);
}

// Before the read at `offset` the file gets the bytes `after`.
class WriteBeforeRead : public os::SystemCallHook {
 public:
  WriteBeforeRead(std::uint64_t offset, std::string path, std::string after)
      : offset_(offset), path_(std::move(path)), after_(std::move(after)) {
    os::set_system_call_hook(this);
  }
  ~WriteBeforeRead() override { os::set_system_call_hook(nullptr); }

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (event.call == os::SystemCall::kRead && event.offset == offset_) write_file(path_, after_);
    return {};
  }
  void after(const os::SystemCallEvent&) override {}

 private:
  std::uint64_t offset_;
  std::string path_;
  std::string after_;
};

TEST_F(ManifestLog, IsNotDamagedByRecordsThatAreWrittenWhileOneLooks) {
  append_flushes(3);
  const std::string whole = read_file(path());
  write_file(path(), whole.substr(0, ends_[0].length + 10));
  const std::string torn = whole.substr(0, ends_[2].length + 10);
  WriteBeforeRead writer(ends_[0].length + 1, path(), torn);  // when it searches behind record 0
  ManifestReader read = reader();
  const Status status = read.read_all();
  ASSERT_TRUE(status.ok()) << status.to_string();
  expect_at(read, 2);
}

TEST_F(ManifestLog, GoesOverAHalfWrittenRecord) {
  append_flushes(1);
  const std::string before = read_file(path()).substr(0, ends_[1].length);
  append(flush(200, versions_.back().oldest_log(), std::string(20, 'a'), std::string(20, 'b')));
  const std::string after = read_file(path()).substr(0, ends_[2].length);
  for (std::size_t size = before.size(); size < after.size(); ++size) {
    for (const std::size_t zeroes : {std::size_t{0}, std::size_t{1000}}) {
      write_file(path(), after.substr(0, size) + std::string(zeroes, '\0'));
      ends_.resize(2);
      versions_.resize(2);
      ManifestReader read = reader();
      ASSERT_TRUE(read.read_to(ends_[1].length).ok());
      ASSERT_TRUE(read.read_all().ok()) << "size " << size;
      expect_at(read, 1);
      ASSERT_TRUE(read.synced()) << "the published length proves it";
      append_flushes(1);
      ASSERT_TRUE(read.read_all().ok());
      expect_at(read, 2);
      ManifestReader fresh = reader();
      ASSERT_TRUE(fresh.read_all().ok());
      expect_at(fresh, 2);
      EXPECT_TRUE(fresh.synced());
    }
  }
}

TEST_F(ManifestLog, DoesNotAppendOverARecord) {
  append_flushes(1);
  Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
  EXPECT_EQ(writer->append(ends_[0], flush(300, 1)).error().code(), StatusCode::kInvalid);
  ManifestReader read = reader();
  ASSERT_TRUE(read.read_all().ok());
  expect_at(read, 1);
}

TEST_F(ManifestLog, KeepsAWholeRecordWhoseWriterDiedBeforeItsSync) {
  append_flushes(1);
  const ManifestPosition end = ends_.back();
  test::ChildProcess child([&] {
    os::arm_crash_point("manifest.appended", 1, SIGKILL);
    Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
    return writer && writer->append(end, flush(200, 2)) ? 0 : 1;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  ManifestReader read = reader();
  ASSERT_TRUE(read.read_to(end.length).ok());
  EXPECT_TRUE(read.synced());
  ASSERT_TRUE(read.read_all().ok());
  EXPECT_FALSE(read.synced()) << "so the next edit goes to a new manifest";
  EXPECT_TRUE(read.version().live(200));
}

struct Crash {
  const char* point;
  bool in_force;
  bool synced;
};

TEST_F(ManifestLog, KilledAnywhereInAnAppendIsAsBeforeOrAsAfter) {
  for (const Crash& crash :
       {Crash{"manifest.appended", true, false}, Crash{"manifest.synced", true, false},
        Crash{"manifest.marked", true, true}}) {
    test::TemporaryDirectory directory;
    Result<ManifestPosition> start = create_manifest(directory.path(), kId, creation(), {});
    ASSERT_TRUE(start.has_value());
    test::ChildProcess child([&] {
      os::arm_crash_point(crash.point, 1, SIGKILL);
      Result<ManifestWriter> writer = ManifestWriter::open(directory.path(), kId);
      return writer && writer->append(*start, flush(200, 1)) ? 0 : 1;
    });
    ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL)) << crash.point;
    Result<ManifestReader> read = ManifestReader::open(directory.path(), kId);
    ASSERT_TRUE(read.has_value());
    ASSERT_TRUE(read->read_all().ok());
    EXPECT_EQ(read->version().live(200), crash.in_force) << crash.point;
    EXPECT_EQ(read->synced(), crash.synced) << crash.point;
  }
}

TEST_F(ManifestLog, KilledInReplacingTheManifestIsTheOldOrTheNewOne) {
  append_flushes(2);
  ASSERT_TRUE(
      install_current(directory_.path(), {.uuid = kId.uuid, .manifest_number = 3}, {}).ok());
  const Version next = *versions_.back().apply(flush(300, 3));
  std::uint64_t number = 3;
  for (const char* point :
       {"manifest.created", "current.written", "current.synced", "current.renamed"}) {
    ++number;
    test::ChildProcess child([&] {
      os::arm_crash_point(point, 1, SIGKILL);
      const ManifestId id{.uuid = kId.uuid, .number = number};
      if (!create_manifest(directory_.path(), id, version_snapshot(next), {})) return 1;
      const Current current{.uuid = kId.uuid, .manifest_number = number};
      return install_current(directory_.path(), current, {}).ok() ? 0 : 1;
    });
    ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL)) << point;
    Result<LiveManifest> live = open_live_manifest(directory_.path(), Access::kReadWrite);
    ASSERT_TRUE(live.has_value()) << live.status().to_string();
    ASSERT_TRUE(live->reader.read_all().ok());
    const bool replaced = std::string(point) == "current.renamed";
    EXPECT_EQ(fingerprint(live->reader.version()), fingerprint(replaced ? next : versions_.back()));
  }
}

TEST_F(ManifestLog, AnAppendWithoutSpaceChangesNothingAndIsRepeated) {
  append_flushes(1);
  Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
  {
    const test::Fault fault(os::SystemCall::kWrite, {.error = ENOSPC});
    EXPECT_EQ(writer->append(ends_.back(), flush(200, 2)).error().code(), StatusCode::kNoSpace);
  }
  ManifestReader read = reader();
  ASSERT_TRUE(read.read_all().ok());
  expect_at(read, 1);
  append_flushes(1);
  ASSERT_TRUE(read.read_all().ok());
  expect_at(read, 2);
}

TEST_F(ManifestLog, AFailedSyncSaysNotDurableAndIsNeverAppendedOn) {
  Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
  {
    const test::Fault fault(os::SystemCall::kDataSync, {.error = EIO});
    EXPECT_EQ(writer->append(ends_.back(), flush(200, 1)).error().code(), StatusCode::kNotDurable);
  }
  ManifestReader read = reader();
  ASSERT_TRUE(read.read_all().ok());
  EXPECT_TRUE(read.version().live(200));
  EXPECT_FALSE(read.synced());
}

TEST_F(ManifestLog, AnAppendToARemovedFileSaysNotDurable) {
  Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
  ASSERT_EQ(::unlink(path().c_str()), 0);
  EXPECT_EQ(writer->append(ends_.back(), flush(200, 1)).error().code(), StatusCode::kNotDurable);
}

TEST_F(ManifestLog, AFileSizeLimitIsNoSpaceAndKillsNobody) {
  test::ChildProcess child([&] {
    const rlimit limit{.rlim_cur = ends_.back().length + 50, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
    Result<ManifestPosition> end = writer->append(ends_.back(), flush(200, 1));
    return !end && end.error().code() == StatusCode::kNoSpace ? 0 : 1;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  ManifestReader read = reader();
  ASSERT_TRUE(read.read_all().ok());
  expect_at(read, 0);
}

TEST_F(ManifestLog, AFailedCreationLeavesNoFile) {
  const ManifestId id{.uuid = kId.uuid, .number = 9};
  for (os::SystemCall call :
       {os::SystemCall::kWrite, os::SystemCall::kSync, os::SystemCall::kSyncDirectory}) {
    const test::Fault fault(call, {.error = ENOSPC});
    EXPECT_EQ(create_manifest(directory_.path(), id, creation(), {}).error().code(),
              StatusCode::kNoSpace);
    EXPECT_FALSE(os::exists(directory_.file("MANIFEST-000009")).value());
  }
  EXPECT_EQ(create_manifest(directory_.path(), kId, creation(), {}).error().code(),
            StatusCode::kExists);
  EXPECT_EQ(create_manifest(directory_.path(), id, flush(1, 1), {}).error().code(),
            StatusCode::kInvalid);
}

TEST_F(ManifestLog, BelongsToOneDatabaseAndOneName) {
  expect_damage(ManifestReader::open(directory_.path(), {.uuid = {1, 3}, .number = 3}).status(), 0);
  ASSERT_EQ(::link(path().c_str(), directory_.file("MANIFEST-000004").c_str()), 0);
  EXPECT_EQ(ManifestWriter::open(directory_.path(), kId).error().code(), StatusCode::kUnsupported);
  ASSERT_EQ(::unlink(path().c_str()), 0);
  Result<ManifestReader> moved = ManifestReader::open(directory_.path(), {kId.uuid, 4});
  EXPECT_EQ(moved.error().code(), StatusCode::kCorruption);
  EXPECT_EQ(ManifestReader::open(directory_.path(), kId).error().code(), StatusCode::kNotFound);
}

TEST_F(ManifestLog, SaysSoWhenItIsMissingThoughNamed) {
  ASSERT_TRUE(
      install_current(directory_.path(), {.uuid = kId.uuid, .manifest_number = 3}, {}).ok());
  ASSERT_TRUE(open_live_manifest(directory_.path(), Access::kReadOnly).has_value());
  ASSERT_EQ(::unlink(path().c_str()), 0);
  Result<LiveManifest> live = open_live_manifest(directory_.path(), Access::kReadOnly);
  EXPECT_EQ(live.error().code(), StatusCode::kCorruption);
  EXPECT_NE(live.error().message().find(path()), std::string::npos);
}

TEST_F(ManifestLog, AnEditThatDoesNotFitIsCorruptionWithItsPlace) {
  Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), kId);
  VersionEdit wrong;
  wrong.removed = {{1, 77}};
  ASSERT_TRUE(writer->append(ends_.back(), wrong).has_value());
  ManifestReader read = reader();
  expect_damage(read.read_all(), ends_[0].length);
  expect_damage(read.read_all(), ends_[0].length);
}

TEST_F(ManifestLog, OutgrowsItsSnapshot) {
  const std::string key(60'000, 'k');
  ManifestReader read = reader();
  std::uint64_t edits = 0;
  while (!read.outgrown()) {
    ASSERT_LT(++edits, 100u);
    append(flush(100 + edits, versions_.back().oldest_log(), key, key));
    ASSERT_TRUE(read.read_all().ok());
  }
  EXPECT_GT(read.position().length, std::uint64_t{1} << 20);
  const ManifestId next{.uuid = kId.uuid, .number = 4};
  ASSERT_TRUE(
      create_manifest(directory_.path(), next, version_snapshot(read.version()), {}).has_value());
  Result<ManifestReader> fresh = ManifestReader::open(directory_.path(), next);
  ASSERT_TRUE(fresh->read_all().ok());
  EXPECT_GT(fresh->position().length, std::uint64_t{1} << 20);
  EXPECT_FALSE(fresh->outgrown()) << "it is hardly more than its snapshot";
}

TEST_F(ManifestLog, IsReadWholeWhileAnotherProcessAppends) {
  test::ChildProcess writer([&] {
    for (std::uint64_t i = 0;; ++i) append_flushes(1);
    return 0;
  });
  std::size_t tables = 0;
  ManifestReader follower = reader();
  while (tables < 200) {
    ManifestReader fresh = reader();
    for (ManifestReader* read : {&fresh, &follower}) {
      const Status status = read->read_all();
      ASSERT_TRUE(status.ok()) << status.to_string();
      ASSERT_GE(read->version().files(0).size(), tables);
      tables = read->version().files(0).size();
    }
  }
}

TEST_F(ManifestLog, LosesNoEditWhenItsWritersAreKilled) {
  // Each child appends one edit where the last one ended, and is killed at a random step; the next
  // goes on as the protocol says. The edits in force are a prefix without gaps, each once.
  std::mt19937_64 random(test::random_seed());
  const char* points[] = {"manifest.appended", "manifest.synced", "manifest.marked", "none"};
  ManifestId id = kId;
  ASSERT_TRUE(
      install_current(directory_.path(), {.uuid = id.uuid, .manifest_number = id.number}, {}).ok());
  for (int round = 0; round < 60; ++round) {
    const char* point = points[random() % 4];
    test::ChildProcess child([&] {
      Result<LiveManifest> live = open_live_manifest(directory_.path(), Access::kReadWrite);
      if (!live || !live->reader.read_all().ok()) return 1;
      const std::uint64_t memtable = live->reader.version().oldest_log();
      const VersionEdit edit = flush(100 + memtable, memtable);
      os::arm_crash_point(point, 1, SIGKILL);
      if (live->reader.synced()) {
        Result<ManifestWriter> writer = ManifestWriter::open(directory_.path(), live->reader.id());
        return writer && writer->append(live->reader.position(), edit) ? 0 : 2;
      }
      Result<Version> next = live->reader.version().apply(edit);
      ManifestId fresh = live->reader.id();
      ++fresh.number;
      live->current.manifest_number = fresh.number;
      if (!next || !create_manifest(directory_.path(), fresh, version_snapshot(*next), {}))
        return 3;
      return install_current(directory_.path(), live->current, {}).ok() ? 0 : 4;
    });
    const int status = child.wait();
    ASSERT_TRUE(test::killed_by(status, SIGKILL) || test::exited_with(status, 0)) << status;
    Result<LiveManifest> live = open_live_manifest(directory_.path(), Access::kReadOnly);
    ASSERT_TRUE(live.has_value()) << live.status().to_string();
    ASSERT_TRUE(live->reader.read_all().ok());
    ASSERT_EQ(live->reader.version().files(0).size(), static_cast<std::size_t>(round) + 1);
  }
}

}  // namespace
}  // namespace tidelock::manifest
