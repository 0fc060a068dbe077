#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "os/mapping.h"
#include "state/layout.h"
#include "tidelock/status.h"

namespace tidelock::state {

using Uuid = std::array<std::uint64_t, 2>;

// What ties a STATE file to this boot, this mount and its own inode.
struct Identity {
  std::uint64_t boot = 0;
  std::uint64_t mount = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  Uuid uuid{};
};

enum class MountCheck : std::uint8_t {
  // Nobody is attached: the pages may be those of a mount that is gone.
  kSameMount,
  // Somebody is attached, so the pages are live; he may have come by another mount of it.
  kAnyMount,
};

// A mapped STATE file.
class SharedState {
 public:
  // Maps what is there; says nothing about its validity. kNotFound if there is no file, or
  // kUnsupported if it is none of ours; kCorruption if its size is another layout's.
  [[nodiscard]] static Result<std::unique_ptr<SharedState>> map(const std::string& directory,
                                                                os::Protection protection);
  // Makes the file if it is missing or of the wrong size, with room reserved, and maps it.
  // Precondition: `open` byte held exclusively.
  [[nodiscard]] static Result<std::unique_ptr<SharedState>> map_or_create(
      const std::string& directory, const os::FileOwnership& ownership);

  // kOk if this is the live state of the database `uuid`: same boot, inode, layout, and mount
  // where asked. Otherwise kUnsupported with the reason.
  [[nodiscard]] Status validate(const Uuid& uuid, MountCheck mount_check) const;

  // Rebuilding, under the exclusive `open` byte. `begin` makes every reader refuse the file, then
  // zeroes it; the caller fills the layout; `finish` writes the identity, the magic last. Killed
  // in between: the file is invalid, and the next one to open rebuilds.
  void begin_rebuild() noexcept;
  [[nodiscard]] Status finish_rebuild(const Uuid& uuid, std::uint64_t queue_nonce);

  [[nodiscard]] Layout& operator*() noexcept { return *layout(); }
  [[nodiscard]] const Layout& operator*() const noexcept { return *layout(); }
  [[nodiscard]] Layout* operator->() noexcept { return layout(); }
  [[nodiscard]] const Layout* operator->() const noexcept { return layout(); }

  // Still the state that was validated? False once somebody rebuilds it.
  [[nodiscard]] bool is_epoch(std::uint64_t epoch) const noexcept;
  [[nodiscard]] std::uint64_t epoch() const noexcept { return layout()->header.epoch; }
  // Complete, and laid out as another release does.
  [[nodiscard]] bool of_another_release() const noexcept;
  // Whether the file in the directory is another one by now; also true, at times, while this one is
  // being rebuilt.
  [[nodiscard]] bool replaced() const;

 private:
  SharedState(os::Mapping mapping, std::string path, os::FileIdentity identity);
  [[nodiscard]] Layout* layout() const noexcept {
    return reinterpret_cast<Layout*>(mapping_.bytes().data());
  }

  os::Mapping mapping_;
  std::string path_;
  os::FileIdentity identity_;
};

// Raises `word` to `value` if that is greater (rule C4).
inline void raise_to(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  while (seen < value && !word.compare_exchange_weak(seen, value, std::memory_order_release,
                                                     std::memory_order_relaxed)) {
  }
}

}  // namespace tidelock::state
