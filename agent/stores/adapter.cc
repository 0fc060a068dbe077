#include "agent/stores/adapter.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tidelock/db.h"

namespace tidelock::agent {
namespace {

constexpr const char* kNameFile = "STORE";
constexpr std::uint64_t kHardlyAnyRoom = std::uint64_t{1} << 20;  // bytes

std::string owner_of(const Site& site) {
  std::string name;
  std::getline(std::ifstream(site.file(kNameFile)), name);
  return name;
}

std::string another(const std::string& owner) {
  return "there is a store of another kind: " + owner;
}

// An empty directory becomes the store's; any other one stays what it is.
Status claim(const Site& site) {
  if (::mkdir(site.directory.c_str(), 0777) != 0 && errno != EEXIST) {
    return site.failure(code_of_errno(errno), "make", std::strerror(errno));
  }
  std::error_code error;
  if (!std::filesystem::is_empty(site.directory, error)) {
    return error ? site.failure(StatusCode::kIo, "look into", error.message()) : Status();
  }
  std::ofstream file(site.file(kNameFile));
  if (file << site.store << '\n' << std::flush) return {};
  return site.failure(StatusCode::kIo, "write the file STORE in", std::strerror(errno));
}

}  // namespace

std::string Site::file(std::string_view name) const {
  return directory + "/" + std::string(name);
}

Status Site::failure(StatusCode code, std::string_view operation, std::string_view cause) const {
  std::string message = store + ": ";
  message.append(operation).append(" ").append(directory).append(": ").append(cause);
  return {code, std::move(message)};
}

bool Site::is_full() const {
  struct ::statvfs disk {};
  return ::statvfs(directory.c_str(), &disk) == 0 &&
         std::uint64_t{disk.f_bavail} * disk.f_frsize < kHardlyAnyRoom;
}

Result<Site> enter(std::string_view store, const StoreOptions& options) {
  Site site{.store = std::string(store), .directory = options.directory};
  if (options.create) {
    if (Status status = claim(site); !status.ok()) return status;
  }
  const std::string owner = owner_of(site);
  if (owner == store) return site;
  std::error_code error;
  if (!std::filesystem::exists(site.directory, error)) {
    return site.failure(StatusCode::kNotFound, "open", "there is no such directory");
  }
  const StatusCode code = options.create ? StatusCode::kUnsupported : StatusCode::kNotFound;
  if (!owner.empty()) return site.failure(code, "open", another(owner));
  const bool ours = Db::lock_info(site.directory).has_value();
  return site.failure(code, "open",
                      ours ? another("tidelock") : "what is there was not made as such a store");
}

Status refuse_another_store(const std::string& directory) {
  const Site site{.store = "tidelock", .directory = directory};
  const std::string owner = owner_of(site);
  if (owner.empty()) return {};
  return site.failure(StatusCode::kUnsupported, "open", another(owner));
}

Result<Inspection> count_entries(Store& store) {
  const Result<std::unique_ptr<Session>> session = store.session();
  if (!session) return session.error();
  const Result<std::unique_ptr<Cursor>> cursor = (*session)->cursor({});
  if (!cursor) return cursor.error();
  Inspection inspection;
  for ((*cursor)->seek_first(); (*cursor)->valid(); (*cursor)->next()) ++inspection.entries;
  if (Status status = (*cursor)->status(); !status.ok()) return status;
  return inspection;
}

StatusCode code_of_errno(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return StatusCode::kNoSpace;
    case ENOENT:
      return StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermission;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return StatusCode::kLimit;
    case EINVAL:
      return StatusCode::kInvalid;
    default:
      return StatusCode::kIo;
  }
}

}  // namespace tidelock::agent
