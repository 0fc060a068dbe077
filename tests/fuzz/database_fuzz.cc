// Bytes as a script of operations on a database, of copies of it and of damage to what it left when
// it was closed. Answers are those of a map, or kCorruption that names the damaged file; what
// `repair` saves was once there, and what it does not save it tells.

#include <cstdio>
#include <filesystem>
#include <optional>

#include "damage/oracle.h"
#include "fuzz/input.h"
#include "support/largest_allocation.h"
#include "tidelock/db.h"

namespace tidelock::fuzz {

namespace {

namespace fs = std::filesystem;

constexpr int kStepsMax = 48;
constexpr int kCopiesMax = 8;  // of the directory, for whatever reason: what takes most of the time
constexpr std::size_t kEarlierMax = 3;
// What is asked for whatever the files hold: the cache of unpacked blocks as it fills up.
constexpr std::size_t kAllocationMin = std::size_t{64} << 10;

void require_ok(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::abort();
}

class Script {
 public:
  explicit Script(Bytes bytes) : in_(bytes), directory_(fresh("db0")) { open(); }

  void run() {
    for (int step = 0; step < kStepsMax && !in_.at_end() && !over_; ++step) take_step();
    if (over_) return;
    compare();
    close();
  }

 private:
  enum class Look : std::uint8_t { kRead, kReadInPlace, kWrite, kRepair };

  static std::string fresh(const std::string& name) {
    fs::remove_all(scratch + "/" + name);
    return scratch + "/" + name;
  }

  void open() {
    Options options;
    options.mode = OpenMode::kCreateIfMissing;
    options.background = Background::kNone;
    options.fixed.memtable_size = std::size_t{1} << 20;
    if (!fs::exists(directory_)) {
      const std::uint8_t shape = in_.byte();
      options.fixed.block_size = std::size_t{256} << shape % 4;
      options.fixed.compression = static_cast<Compression>(shape / 4 % 3);
      options.fixed.bloom_bits_per_key = shape / 12 % 2 * 10;
      if (shape / 24 % 4 == 0) options.fixed.compaction_style = CompactionStyle::kManual;
    }
    if (in_.byte() % 4 == 0) options.durability = Durability::kDurable;
    Result<Db> db = Db::open(directory_, options);
    require_ok(db.status());
    db_.emplace(std::move(*db));
  }
  void close() {
    require_ok(db_->close());
    db_.reset();
  }

  void take_step() {
    const std::uint8_t kind = in_.byte();
    const bool copies = kind % 16 >= 9 && kind != 15;
    if (copies && ++copies_ > kCopiesMax) return;
    switch (kind % 16) {
      case 0:
      case 1:
      case 2:
        return put();
      case 3:
        return erase();
      case 4:
      case 5:
        return write_batch();
      case 6:
        return require_ok(db_->flush());
      case 7:
        return require_ok(kind < 128 ? db_->flush() : db_->compact());
      case 8:
        return compare();
      case 9:
        close();
        return open();
      case 10:
        return go_on_with_a_copy();
      case 11:
        if (truth_.earlier.size() < kEarlierMax) {
          truth_.earlier.push_back(test::lasting_files(directory_));
        }
        return;
      case 12:
        return damage(kind < 240 ? Look::kRead : Look::kReadInPlace);
      case 13:
        return damage(Look::kWrite);
      case 14:
        return damage(Look::kRepair);
      default:
        return kind < 128 ? check() : go_on_with_a_repaired_one();
    }
  }

  std::string key() {
    const std::uint8_t draw = in_.byte();
    if (draw == 255) return {};
    return "key" + std::to_string(draw % 40) + std::string(draw / 40 * 9, 'k');
  }
  std::string value() {
    const std::uint8_t draw = in_.byte();
    const std::size_t size = draw < 240 ? draw % 60 : std::size_t{draw - 230U} * 1'000;
    return std::to_string(++written_) + std::string(size, static_cast<char>('a' + draw % 7));
  }
  void remember(const std::string& key, const std::string& value) {
    truth_.entries[key] = value;
    truth_.history[key].insert(value);
  }

  void put() {
    const std::string k = key();
    const std::string v = value();
    require_ok(db_->put(k, v));
    remember(k, v);
  }
  void erase() {
    const std::string k = key();
    require_ok(db_->erase(k));
    truth_.entries.erase(k);
    truth_.history.try_emplace(k);
  }
  void write_batch() {
    Batch batch;
    for (std::size_t left = in_.byte() % 8; left > 0; --left) {
      const std::string k = key();
      if (left % 3 == 0) {
        batch.erase(k);
        truth_.entries.erase(k);
        truth_.history.try_emplace(k);
      } else {
        const std::string v = value();
        batch.put(k, v);
        remember(k, v);
      }
    }
    require_ok(db_->write(batch));
  }

  void compare() {
    for (const auto& [k, values] : truth_.history) {
      const auto found = db_->get(k);
      require_ok(found.status());
      const auto expected = truth_.entries.find(k);
      require(expected == truth_.entries.end() ? !found->has_value()
                                               : *found && **found == expected->second);
    }
    Result<Iterator> at = db_->iterate();
    require_ok(at.status());
    auto expected = truth_.entries.begin();
    for (at->seek_first(); at->valid(); at->next(), ++expected) {
      require(expected != truth_.entries.end() && at->key() == expected->first &&
              at->value() == expected->second);
    }
    require_ok(at->status());
    require(expected == truth_.entries.end());
  }
  void check() {
    const Result<CheckReport> report = db_->check();
    require_ok(report.status());
    if (!report->problems.empty()) require_ok({StatusCode::kCorruption, report->problems[0]});
  }

  // As after the death of all processes at this moment: everything written is in the files.
  void go_on_with_a_copy() {
    const std::string copy = fresh("db" + std::to_string(++generation_));
    fs::copy(directory_, copy);
    close();
    fs::remove_all(directory_);
    directory_ = copy;
    open();
    compare();
  }
  // Of an undamaged database everything is saved.
  void go_on_with_a_repaired_one() {
    close();
    const std::string into = fresh("db" + std::to_string(++generation_));
    const Result<RepairReport> report = Db::repair(directory_, into, {});
    require_ok(report.status());
    require(report->complete() && report->entries == truth_.entries.size());
    fs::remove_all(directory_);
    directory_ = into;
    truth_.earlier.clear();
    open();
    compare();
  }

  void damage(Look look) {
    if (truth_.history.empty()) return;
    close();
    truth_.files = test::lasting_files(directory_);
    std::string copy = directory_;
    if (look != Look::kReadInPlace) {
      copy = fresh("copy");
      test::write_files(copy, truth_.files);
    }
    const auto [names, size] = damage_one_file(copy);
    ++believed;
    const test::Verdict verdict = judge(look, copy, names, size);
    if (verdict.outcome == test::Outcome::kViolation) {
      std::fprintf(stderr, "%s damaged: %s\n", names[0].c_str(), verdict.text.c_str());
      std::abort();
    }
    over_ = look == Look::kReadInPlace;
    if (!over_) open();
  }

  test::Verdict judge(Look look, const std::string& directory,
                      const std::vector<std::string>& names, std::size_t size) const {
    if (look == Look::kRepair) {
      std::size_t differences = 0;
      return test::repair_all(truth_, directory, fresh("saved"), differences);
    }
    (void)test::take_largest_allocation();
    // Some damage spoils no answer, and what of that check must find is not known here.
    const test::Verdict verdict =
        test::read_all({truth_, directory, names, look == Look::kWrite, test::Finding::kNotAsked});
    const std::size_t largest = test::take_largest_allocation();
    if (look == Look::kRead && largest > std::max(kAllocationMin, 4 * size)) {
      return {test::Outcome::kViolation, "asked for " + std::to_string(largest) + " bytes"};
    }
    return verdict;
  }

  struct Damaged {
    std::vector<std::string> names;  // what an error may name
    std::size_t size = 0;            // of the file, before or after
  };

  // One file, by the script: flipped, stored over, cut, lengthened, as it was earlier, exchanged,
  // lost.
  Damaged damage_one_file(const std::string& directory) {
    auto victim = truth_.files.begin();
    std::advance(victim, in_.byte() % truth_.files.size());
    const std::string& name = victim->first;
    std::string bytes = victim->second;
    Damaged damaged{{name}, bytes.size()};
    if (name.starts_with("MANIFEST-")) {
      // An older one seems to be in force: what that needs may be gone.
      damaged.names.insert(damaged.names.end(), {".wal", ".sst"});
    }
    switch (in_.byte() % 8) {
      case 0:
        fs::remove(directory + "/" + name);
        return damaged;
      case 1:
        bytes.resize(in_.word() % (bytes.size() + 1));
        break;
      case 2:
        bytes.resize(bytes.size() + in_.word(), static_cast<char>(in_.byte()));
        break;
      case 3:
        bytes = earlier_version(name, bytes);
        break;
      case 4:
        bytes = std::next(truth_.files.begin(),
                          in_.byte() % static_cast<std::ptrdiff_t>(truth_.files.size()))
                    ->second;
        break;
      default:
        change_bytes(bytes);
    }
    damaged.size = std::max(damaged.size, bytes.size());
    test::write_file(directory + "/" + name, bytes);
    return damaged;
  }
  std::string earlier_version(const std::string& name, const std::string& now) {
    for (const test::Files& files : truth_.earlier) {
      const auto found = files.find(name);
      if (found != files.end() && found->second != now) return found->second;
    }
    return now;
  }
  // A few bytes, seen from the end too, where tables have their footer.
  void change_bytes(std::string& bytes) {
    for (int left = 1 + in_.byte() % 6; left > 0 && !bytes.empty(); --left) {
      const std::uint8_t how = in_.byte();
      std::size_t at = in_.word() % bytes.size();
      if (how >= 128) at = bytes.size() - 1 - at % std::min<std::size_t>(bytes.size(), 256);
      const std::uint8_t value = in_.byte();
      bytes[at] = static_cast<char>(how % 2 == 0 ? bytes[at] ^ 1 << value % 8 : value);
    }
  }

  Input in_;
  std::string directory_;
  int generation_ = 0;
  int copies_ = 0;
  std::uint64_t written_ = 0;
  bool over_ = false;
  test::Sample truth_;
  std::optional<Db> db_;
};

}  // namespace

void database_target(Bytes bytes) {
  Script(bytes).run();
}

}  // namespace tidelock::fuzz
