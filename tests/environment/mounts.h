#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "environment/apart.h"

// File systems for one process and its children, gone with the last of them.
namespace tidelock::test {

inline bool run(const std::string& commands) {
  return std::system(("exec >/dev/null 2>&1; " + commands).c_str()) == 0;
}

// Mounts of one's own: what this process mounts from now on nobody else sees. "" or why not.
inline Words take_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return not_tried("it takes root, to mount");
  }
  return "";
}

[[nodiscard]] inline bool has_loop_devices() {
  return run(
      "image=$(mktemp) && truncate -s 1M $image && device=$(losetup -f --show $image) && "
      "losetup -d $device; result=$?; rm -f $image; exit $result");
}

// How a file system comes to be at "$M" (an empty directory), with "$I" free for an image. `again`
// mounts it once more, with what is in it; empty: it cannot be had twice.
struct FileSystem {
  const char* name;
  const char* needs;  // a program
  const char* make;
  const char* again;
};

inline constexpr const char* kMountImage = "mount -o loop $I $M";

inline bool mounts(const FileSystem& kind, const char* commands, const std::string& scratch) {
  return run("set -e; I=" + scratch + "/image-" + kind.name + " M=" + scratch + "/" + kind.name +
             "; mkdir -p $M; " + commands);
}

// Makes and mounts one at scratch/NAME, of 64 MB or what it needs at least.
inline Words make_and_mount(const FileSystem& kind, const std::string& scratch) {
  if (Words words = take_own_mounts(); !words.empty()) return words;
  if (*kind.needs != '\0' && !run("command -v " + std::string(kind.needs))) {
    return not_tried(std::string(kind.name) + " takes " + kind.needs);
  }
  if (!mounts(kind, kind.make, scratch)) {
    return not_tried("no " + std::string(kind.name) + " can be mounted here");
  }
  return "";
}

}  // namespace tidelock::test
