#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "manifest/version.h"

// What the tests of the manifest share: small tables and edits, and files as byte strings.
namespace tidelock::manifest {

inline FilePtr table(std::uint64_t number, std::string smallest, std::string largest,
                     std::uint64_t memtable = 0) {
  FileMeta file;
  file.number = number;
  file.memtable_number = memtable;
  file.size = 1000 + number;
  file.entries = 10;
  file.tombstones = 1;
  file.data_blocks = 2;
  file.highest_sequence = 100 * number;
  file.smallest = std::move(smallest);
  file.largest = std::move(largest);
  return std::make_shared<const FileMeta>(file);
}

// Moves the oldest log that is needed, and where it begins.
inline void set_oldest_log(VersionEdit& edit, std::uint64_t number) {
  edit.oldest_log = number;
  edit.oldest_lsn = 10 * number;
  edit.oldest_sequence = number;
}

inline VersionEdit creation() {
  VersionEdit edit;
  edit.created.emplace();
  set_oldest_log(edit, 1);
  return edit;
}

// The table of memtable `memtable`, which is not needed any more.
inline VersionEdit flush(std::uint64_t number, std::uint64_t memtable, std::string smallest = "a",
                         std::string largest = "z") {
  VersionEdit edit;
  set_oldest_log(edit, memtable + 1);
  edit.added = {{0, table(number, std::move(smallest), std::move(largest), memtable)}};
  return edit;
}

inline Version version_of(const std::vector<VersionEdit>& edits) {
  Version version;
  for (const VersionEdit& edit : edits) {
    Result<Version> next = version.apply(edit);
    EXPECT_TRUE(next.has_value()) << next.status().to_string();
    if (next) version = std::move(*next);
  }
  return version;
}

// Equal for equal versions only.
inline std::vector<std::byte> fingerprint(const Version& version) {
  return version.empty() ? std::vector<std::byte>() : encode_edit(version_snapshot(version));
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Into the file that is there, if one is: open readers go on reading it.
inline void write_file(const std::string& path, const std::string& bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_EQ(::pwrite(descriptor, bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(::ftruncate(descriptor, static_cast<off_t>(bytes.size())), 0);
  ::close(descriptor);
}

inline std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<int>(byte >> 4)];
    text += "0123456789abcdef"[std::to_integer<int>(byte & std::byte{15})];
  }
  return text;
}

}  // namespace tidelock::manifest
