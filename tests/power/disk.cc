#include "power/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "power/zeroes.h"

namespace tidelock::test {

namespace {

using os::SystemCall;

constexpr std::size_t kPage = 4096;

}  // namespace

// How one cut decides what of the unsynced is on disk.
class Disk::Chooser {
 public:
  Chooser(Random& random, std::uint64_t now) : random_(random) {
    one_for_all_ = below(3) == 0;
    static constexpr std::uint64_t kWindows[] = {10, 100, 1000, 100'000};
    const std::uint64_t back = below(kWindows[below(std::size(kWindows))]);
    in_order_until_ = now > back ? now - back : 0;
    choose();
  }

  // Each file, and the directory, may meet a fate of its own.
  void begin_file() {
    if (!one_for_all_) choose();
  }
  [[nodiscard]] bool takes(const Operation& operation) {
    switch (kind_) {
      case Kind::kNone:
        return false;
      case Kind::kAll:
        return true;
      case Kind::kInOrder:
        return operation.begin < in_order_until_;
      case Kind::kSome:
      case Kind::kSomePages:
        break;
    }
    return below(100) < percent_;
  }
  // How many of a sector's writes, the earliest first.
  [[nodiscard]] std::size_t count_of(std::uint64_t sector,
                                     const std::vector<const Operation*>& writes) {
    if (kind_ == Kind::kSomePages) {
      const std::uint64_t page = sector * kSector / kPage;
      if (page != page_) page_taken_ = below(100) < percent_;
      page_ = page;
      return page_taken_ ? writes.size() : 0;
    }
    return count_of(writes, [](const Operation* write) { return write; });
  }
  // The same of anything else.
  template <typename List, typename Get>
  [[nodiscard]] std::size_t count_of(const List& list, const Get& get) {
    if (kind_ == Kind::kSome || kind_ == Kind::kSomePages) {
      return below(100) < percent_ ? list.size() - below(list.size()) : 0;
    }
    std::size_t count = 0;
    while (count < list.size() && takes(*get(list[count]))) ++count;
    return count;
  }

 private:
  enum class Kind : std::uint8_t { kNone, kAll, kInOrder, kSome, kSomePages };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  void choose() {
    kind_ = static_cast<Kind>(below(5));
    static constexpr unsigned kPercent[] = {2, 20, 50, 80, 98};
    percent_ = kPercent[below(std::size(kPercent))];
    page_ = ~std::uint64_t{0};
  }

  Random& random_;
  bool one_for_all_ = false;
  Kind kind_ = Kind::kNone;
  std::uint64_t in_order_until_ = 0;
  unsigned percent_ = 0;
  std::uint64_t page_ = 0;
  bool page_taken_ = false;
};

Disk::Disk(const Image& start, std::span<const Operation> operations) {
  for (const auto& [name, bytes] : start) {
    auto file = std::make_shared<File>();
    file->synced = std::const_pointer_cast<Bytes>(bytes);  // copied before it is changed
    file->length = file->synced_length = bytes->size();
    latest_[name] = synced_names_[name] = file;
  }
  for (const Operation& operation : operations) {
    if (operation.begin == 0) continue;  // its process died before it began
    steps_.push_back({operation.begin, &operation, false});
    const std::uint64_t end = operation.end.load();
    if (end != Operation::kNever) steps_.push_back({end, &operation, true});
  }
  std::sort(steps_.begin(), steps_.end(),
            [](const Step& a, const Step& b) { return a.time < b.time; });
}

void Disk::run_until(std::uint64_t time) {
  for (; next_ < steps_.size() && steps_[next_].time < time; ++next_) {
    if (steps_[next_].ended) {
      end(*steps_[next_].operation);
    } else {
      begin(*steps_[next_].operation);
    }
  }
  now_ = time;
}

void Disk::begin(const Operation& operation) {
  const bool never = operation.end.load() == Operation::kNever;
  const auto known = latest_.find(operation.name);
  switch (operation.call) {
    case SystemCall::kOpen:
      if (!never && operation.created) create(operation);
      break;
    case SystemCall::kRename:
      if (never || known == latest_.end()) break;
      changes_.push_back({&operation, known->second});
      latest_[operation.target] = known->second;
      break;
    case SystemCall::kUnlink:
      if (!never) changes_.push_back({&operation, nullptr});
      break;
    case SystemCall::kMakeDirectory:
      if (never) break;
      directory_synced_ = false;
      made_ = &operation;
      made_by_ = operation.end.load();
      break;
    case SystemCall::kWrite:
    case SystemCall::kStore:
    case SystemCall::kAllocate:
    case SystemCall::kPunchHole:
      if (known != latest_.end()) write(*known->second, operation);
      break;
    default:
      break;
  }
}

void Disk::end(const Operation& operation) {
  const bool inside = operation.name[0] != 0 && operation.name[0] != '/';
  if (inside) made_by_ = std::min(made_by_, operation.end.load());
  if (operation.call == SystemCall::kSyncDirectory) return sync_directory(operation);
  if (operation.call != SystemCall::kDataSync && operation.call != SystemCall::kSync) return;
  const auto known = latest_.find(operation.name);
  if (known == latest_.end()) return;
  if (operation.failed) {
    known->second->failed = operation.end.load();
  } else {
    sync(*known->second, operation);
  }
}

void Disk::create(const Operation& operation) {
  auto file = std::make_shared<File>();
  file->synced = std::make_shared<Bytes>();
  latest_[operation.name] = file;
  changes_.push_back({&operation, std::move(file)});
}

void Disk::write(File& file, const Operation& operation) {
  const std::uint64_t last = operation.offset + operation.length;
  if (operation.call != SystemCall::kPunchHole && last > file.length) {
    file.length = last;
    file.lengths.emplace_back(&operation, last);
  }
  if (operation.call == SystemCall::kAllocate || operation.length == 0) return;
  const std::uint64_t from = operation.offset / kSector;
  const std::uint64_t to = (last + kSector - 1) / kSector;
  for (std::uint64_t sector = from; sector < to; ++sector) {
    auto pending = file.sectors.find(sector);
    if (pending == file.sectors.end()) {
      // Zeroes over zeroes: no state differs by them.
      const std::uint64_t at = sector * kSector;
      const std::uint64_t begin = std::max(at, operation.offset) - operation.offset;
      const std::uint64_t size = std::min(at + kSector, last) - operation.offset - begin;
      const bool blank =
          at >= file.synced->size() ||
          all_zero(std::span(*file.synced)
                       .subspan(at, std::min<std::uint64_t>(kSector, file.synced->size() - at)));
      const bool zeroes = operation.data == nullptr || all_zero({operation.data + begin, size});
      if (blank && zeroes) continue;
      pending = file.sectors.emplace(sector, std::vector<const Operation*>()).first;
    }
    pending->second.push_back(&operation);
  }
}

// The part of a write that lies in one sector.
void Disk::apply(Bytes& bytes, const Operation& operation, std::uint64_t sector) {
  const std::uint64_t from = std::max(operation.offset, sector * kSector);
  const std::uint64_t to = std::min(operation.offset + operation.length, (sector + 1) * kSector);
  if (bytes.size() < to) bytes.resize(to);
  if (operation.data == nullptr) {
    std::memset(bytes.data() + from, 0, to - from);
  } else {
    std::memcpy(bytes.data() + from, operation.data + (from - operation.offset), to - from);
  }
}

void Disk::sync(File& file, const Operation& operation) {
  // D5: a failure that was over before this sync began is not made good by it.
  const std::uint64_t doubtful = file.failed < operation.begin ? file.failed : 0;
  const auto covered = [&](const Operation& write) {
    return write.end.load() < operation.begin && write.begin > doubtful;
  };
  if (!file.sectors.empty() && file.synced.use_count() > 1) {
    file.synced = std::make_shared<Bytes>(*file.synced);
  }
  for (auto sector = file.sectors.begin(); sector != file.sectors.end();) {
    auto& writes = sector->second;
    std::size_t count = writes.size();
    while (count > 0 && !covered(*writes[count - 1])) --count;
    for (std::size_t i = 0; i < count; ++i) apply(*file.synced, *writes[i], sector->first);
    writes.erase(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(count));
    sector = writes.empty() ? file.sectors.erase(sector) : std::next(sector);
  }
  std::size_t count = file.lengths.size();
  while (count > 0 && file.lengths[count - 1].first->end.load() >= operation.begin) --count;
  if (count > 0) file.synced_length = file.lengths[count - 1].second;
  file.lengths.erase(file.lengths.begin(),
                     file.lengths.begin() + static_cast<std::ptrdiff_t>(count));
}

void Disk::sync_directory(const Operation& operation) {
  const auto covered = [&](const Operation& change) { return change.end.load() < operation.begin; };
  if (operation.name[0] == '/') {
    directory_synced_ = directory_synced_ || made_by_ < operation.begin;
    return;
  }
  std::erase_if(changes_, [&](const Change& change) {
    if (!covered(*change.operation)) return false;
    apply(synced_names_, change);
    return true;
  });
}

void Disk::apply(Names& names, const Change& change) {
  const Operation& operation = *change.operation;
  if (operation.call != SystemCall::kOpen) names.erase(operation.name);
  if (operation.call == SystemCall::kOpen) names[operation.name] = change.file;
  if (operation.call == SystemCall::kRename) names[operation.target] = change.file;
}

CrashState Disk::cut(Random& random) const {
  CrashState state;
  Chooser chooser(random, now_);
  if (!directory_synced_ && !chooser.takes(*made_)) {
    state.directory = false;
    return state;
  }
  Names names = synced_names_;
  chooser.begin_file();
  for (const Change& change : changes_) {
    if (chooser.takes(*change.operation)) {
      apply(names, change);
    } else {
      ++state.damage.names;
    }
  }
  for (const auto& [name, file] : names) {
    if (is_volatile(name)) {
      state.shared.push_back(name);
      continue;
    }
    chooser.begin_file();
    state.files[name] = content(*file, chooser, state.damage);
  }
  return state;
}

std::shared_ptr<const Bytes> Disk::content(const File& file, Chooser& chooser, Damage& damage) {
  std::uint64_t length = file.synced_length;
  if (!file.lengths.empty()) {
    const std::size_t count =
        chooser.count_of(file.lengths, [](const auto& change) { return change.first; });
    if (count > 0) length = file.lengths[count - 1].second;
    if (count < file.lengths.size()) ++damage.sizes;
  }
  if (file.sectors.empty() && file.synced->size() == length) return file.synced;
  auto bytes = std::make_shared<Bytes>(*file.synced);
  for (const auto& [sector, writes] : file.sectors) {
    const std::size_t count = chooser.count_of(sector, writes);
    for (std::size_t i = 0; i < count; ++i) apply(*bytes, *writes[i], sector);
    if (count < writes.size()) ++damage.sectors;
  }
  bytes->resize(length);
  return bytes;
}

namespace {

// Whole pages of zeroes stay holes, as on a disk.
void write_file(const std::string& path, const Bytes& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file < 0 || ::ftruncate(file, static_cast<off_t>(bytes.size())) != 0) std::abort();
  const auto zero_at = [&bytes](std::size_t at) {
    return all_zero(std::span(bytes).subspan(at, std::min(kPage, bytes.size() - at)));
  };
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t end = at;
    while (end < bytes.size() && !zero_at(end)) end += kPage;
    end = std::min(end, bytes.size());
    const ssize_t size = static_cast<ssize_t>(end - at);
    if (size > 0 && ::pwrite(file, bytes.data() + at, end - at, static_cast<off_t>(at)) != size) {
      std::abort();
    }
    at = end + kPage;
  }
  ::close(file);
}

}  // namespace

void make_directory_of(const CrashState& state, const std::string& path) {
  if (!state.directory) return;
  if (::mkdir(path.c_str(), 0700) != 0) std::abort();
  for (const auto& [name, bytes] : state.files) write_file(path + "/" + name, *bytes);
}

}  // namespace tidelock::test
