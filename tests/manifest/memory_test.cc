// How much memory a manifest can make its reader take, whatever it says. Counted by replacing the
// program's operators new and delete.

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "manifest/manifest_reader.h"
#include "manifest/manifest_writer.h"
#include "manifest_samples.h"
#include "support/temporary_directory.h"

namespace {

std::atomic<std::size_t> allocated{0};
std::atomic<std::size_t> peak{0};

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t now = allocated += ::malloc_usable_size(memory);
  if (now > peak) peak = now;
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory != nullptr) allocated -= ::malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace tidelock::manifest {
namespace {

constexpr ManifestId kId{.uuid = {1, 2}, .number = 1};
constexpr std::size_t kConstant = std::size_t{256} << 10;  // buffers of fixed size

std::size_t peak_while_reading(const std::string& directory) {
  const std::size_t before = allocated;
  peak = before;
  Result<ManifestReader> reader = ManifestReader::open(directory, kId);
  EXPECT_TRUE(reader.has_value());
  if (reader) (void)reader->read_all();
  return peak - before;
}

void expect_bounded(const VersionEdit& first, const std::vector<VersionEdit>& more = {}) {
  test::TemporaryDirectory directory;
  Result<ManifestPosition> end = create_manifest(directory.path(), kId, first, {});
  ASSERT_TRUE(end.has_value()) << end.status().to_string();
  Result<ManifestWriter> writer = ManifestWriter::open(directory.path(), kId);
  for (const VersionEdit& edit : more) {
    end = writer->append(*end, edit);
    ASSERT_TRUE(end.has_value());
  }
  EXPECT_LE(peak_while_reading(directory.path()), 4 * end->length + kConstant);
}

TEST(ManifestReaderMemory, IsBoundedForTheSmallestTables) {
  VersionEdit edit = creation();
  constexpr std::uint64_t kTables = 20'000;
  set_oldest_log(edit, kTables + 1);
  for (std::uint64_t i = 1; i <= kTables; ++i) edit.added.push_back({0, table(i, "", "", i)});
  expect_bounded(edit);
}

TEST(ManifestReaderMemory, IsBoundedForLargeKeys) {
  VersionEdit edit = creation();
  for (std::uint64_t i = 1; i <= 100; ++i) {
    const std::string key = std::to_string(1000 + i) + std::string(60'000, 'k');
    edit.added.push_back({1, table(i, key, key)});
  }
  expect_bounded(edit);
}

TEST(ManifestReaderMemory, IsBoundedForRemovals) {
  VersionEdit edit;
  for (std::uint64_t i = 1; i <= 100'000; ++i) edit.removed.push_back({1, i});
  expect_bounded(creation(), {edit});
}

TEST(ManifestReaderMemory, IsBoundedForALengthThatLies) {
  test::TemporaryDirectory directory;
  ASSERT_TRUE(create_manifest(directory.path(), kId, creation(), {}).has_value());
  std::string bytes = read_file(directory.file("MANIFEST-000001")).substr(0, kManifestHeaderSize);
  std::uint64_t salt = 0;
  for (int i = 7; i >= 0; --i) {
    salt = salt << 8 | static_cast<unsigned char>(bytes[40 + static_cast<std::size_t>(i)]);
  }
  const auto record =
      encode_record_header({.offset = kManifestHeaderSize, .chain = 1, .length = 0xffffffff}, salt);
  bytes.append(reinterpret_cast<const char*>(record.data()), record.size());
  write_file(directory.file("MANIFEST-000001"), bytes);
  EXPECT_LE(peak_while_reading(directory.path()), kConstant);
}

}  // namespace
}  // namespace tidelock::manifest
