#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "os/file.h"
#include "tidelock/status.h"

// Names in directories. A rename, creation or removal survives a power cut only after
// sync_directory.
namespace tidelock::os {

[[nodiscard]] Status rename_file(const std::string& from, const std::string& to);
// kExists, and nothing done, if there is anything at `to`: for names that are given once.
[[nodiscard]] Status rename_to_new(const std::string& from, const std::string& to);
// Removes a file that this process has made and cannot use, unless another one is at its path by
// now.
void unlink_made(const File& file);
// kNotFound if there is none.
[[nodiscard]] Status unlink_file(const std::string& path);
[[nodiscard]] Status sync_directory(const std::string& path);
// Names of everything in it, unordered, without "." and "..".
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);
// kExists if there is something at that path. The mode gets x where `ownership.mode` has r.
[[nodiscard]] Status make_directory(const std::string& path, const FileOwnership& ownership);
// kIo (not empty) unless it is empty.
[[nodiscard]] Status remove_directory(const std::string& path);
// Bytes of disk its blocks take; 0 if there is no such file.
[[nodiscard]] std::uint64_t disk_usage(const std::string& path);
// False only where nothing bears that name; what cannot be known is an error.
[[nodiscard]] Result<bool> exists(const std::string& path);
// The same for directories. kInvalid: something else stands there.
[[nodiscard]] Result<bool> directory_exists(const std::string& path);
// Of a path that need not exist. Goes by its letters alone.
[[nodiscard]] std::string parent_of(const std::string& path);
// Both are set.
[[nodiscard]] Result<FileOwnership> ownership_of(const std::string& path);
// Whether this process may make files of that group, which is that of `path`: not if the group has
// no number in its user namespace, whatever the process's own is. What cannot be known is an error.
[[nodiscard]] Result<bool> may_give_to(const std::string& path, std::uint32_t group);
[[nodiscard]] Result<FileIdentity> path_identity(const std::string& path);
// Absolute, with links in the path resolved. The path must exist.
[[nodiscard]] Result<std::string> canonical_path(const std::string& path);

// Whether locks and mappings on the file system under `path` are known to be coherent between
// processes. kUnsupported with the type's name if not.
[[nodiscard]] Status check_file_system(const std::string& path);
// kPermission where several may make files, but each removes only his own: with the sticky bit,
// and writable for all, as /tmp is (others may plant files there), or for a group.
[[nodiscard]] Status check_directory_mode(const std::string& path);
// True where a store into a mapped, allocated block can need a new block and so kill the process
// on a full disk: Btrfs, XFS that can share extents (made with reflink, as mkfs.xfs does unless
// told otherwise), and everything that is not known not to.
[[nodiscard]] bool mapped_stores_may_fail(const std::string& path);

}  // namespace tidelock::os
