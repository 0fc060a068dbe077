// Every fuzz target over its seeds, the inputs kept in corpus/, and mutations of both: in children,
// so that a crash or a hang is found with the input that made it.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>

#include "damage/victims.h"
#include "fuzz/targets.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"

namespace tidelock::fuzz {

static void PrintTo(const Target& target, std::ostream* out) {
  *out << target.name;
}

namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kSlowness = 8;
#else
constexpr std::size_t kSlowness = 1;
#endif
constexpr std::chrono::seconds kHungAfter{60};  // far more than a script takes on a busy machine
constexpr std::size_t kLong = 50;               // as many rounds in the long setting

std::vector<std::string> kept_inputs(const Target& target) {
  std::vector<std::string> inputs;
  const fs::path kept = fs::path(TIDELOCK_CORPUS) / target.name;
  std::vector<fs::path> files;
  if (fs::is_directory(kept)) {
    for (const auto& file : fs::directory_iterator(kept)) files.push_back(file.path());
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) inputs.push_back(test::read_file(file));
  return inputs;
}

// A number that is more likely than others to lie on some edge.
std::uint64_t edge(std::mt19937_64& random) {
  const std::uint64_t power = std::uint64_t{1} << random() % 64;
  return random() % 4 == 0 ? random() % 20 : power + random() % 3 - 1;
}

void mutate(std::string& input, const std::string& other, std::mt19937_64& random) {
  if (input.empty()) input.push_back('\0');
  const std::size_t at = random() % input.size();
  const std::size_t length = std::min<std::size_t>(random() % 16, input.size() - at);
  switch (random() % 6) {
    case 0:
      input[at] = static_cast<char>(input[at] ^ 1 << random() % 8);
      break;
    case 1:
      input[at] = static_cast<char>(random());
      break;
    case 2: {
      const std::uint64_t value = edge(random);
      const std::size_t width = std::size_t{1} << random() % 4;
      const std::size_t size = std::min(width, input.size() - at);
      input.replace(at, size, reinterpret_cast<const char*>(&value), size);
      break;
    }
    case 3:
      input.erase(at, length);
      break;
    case 4:
      input.insert(random() % (input.size() + 1), input.substr(at, length));
      break;
    default:
      if (!other.empty()) input.insert(at, other, random() % other.size(), random() % 64);
  }
}

class FuzzReplay : public testing::TestWithParam<Target> {
 protected:
  FuzzReplay() { samples_.insert(samples_.end(), seeds_.begin(), seeds_.end()); }

  // The samples themselves, then mutations of them; one is as good as another, by number. Half are
  // made of seeds, as most of what is kept was damaged already.
  [[nodiscard]] std::string input(std::size_t i) const {
    if (i < samples_.size()) return samples_[i];
    std::mt19937_64 random(seed_ + i);
    std::string made = one_of(random() % 2 == 0 ? seeds_ : samples_, random);
    for (std::uint64_t changes = 1 + random() % 5; changes > 0; --changes) {
      mutate(made, one_of(samples_, random), random);
    }
    return made;
  }
  static const std::string& one_of(const std::vector<std::string>& inputs,
                                   std::mt19937_64& random) {
    return inputs[random() % inputs.size()];
  }
  [[nodiscard]] std::size_t rounds() const {
    return GetParam().rounds * (test::is_long() ? kLong : 1) / kSlowness;
  }

  const std::uint64_t seed_ = test::random_seed();
  const test::TemporaryDirectory directory_{test::Where::kMemory};
  const std::vector<std::string> seeds_ = seeds_of(GetParam());
  std::vector<std::string> samples_ = kept_inputs(GetParam());  // seeds too
};

TEST_P(FuzzReplay, KeepsItsPromises) {
  const Target& target = GetParam();
  const std::size_t count = samples_.size() + rounds();
  test::SharedValue<std::atomic<std::uint64_t>> taken;
  const auto work = [&](int child, std::size_t i) -> test::Verdict {
    scratch = directory_.file(std::to_string(child));
    fs::create_directories(scratch);
    const std::string bytes = input(i);
    believed = 0;
    run(target, bytes_of(bytes));
    if (believed > 0) taken->fetch_add(1);
    return {test::Outcome::kSame, {}};
  };
  // Asked for only where one is lost: the input is kept.
  const auto name = [&](std::size_t i) {
    const std::string file = (fs::temp_directory_path() / ("fuzz-" + std::string(target.name) +
                                                           "-" + std::to_string(seed_ + i)))
                                 .string();
    test::write_file(file, input(i));
    return "input " + file;
  };
  const test::Tally tally = test::run_in_children(count, work, name, kHungAfter);
  for (const std::string& fault : tally.faults) ADD_FAILURE() << target.name << ": " << fault;
  EXPECT_EQ(tally.all(), count);
  std::printf("%s: %zu samples, %zu mutations of them, %llu of all believed\n",
              std::string(target.name).c_str(), samples_.size(), rounds(),
              static_cast<unsigned long long>(taken->load()));
  EXPECT_GT(taken->load(), count / 150) << "the samples do not get behind the first checks";
}

// For `tools/soak fuzz`: what libFuzzer begins with.
TEST_P(FuzzReplay, WritesItsSeedsWhereTheyAreWanted) {
  const char* const wanted = std::getenv("TIDELOCK_FUZZ_SEEDS");
  std::size_t written = 0;
  for (const std::string& seed : seeds_of(GetParam())) {
    const fs::path folder =
        (wanted != nullptr ? fs::path(wanted) : fs::path(directory_.path())) / GetParam().name;
    fs::create_directories(folder);
    test::write_file(folder / ("seed" + std::to_string(written++)), seed);
  }
  EXPECT_GT(written, 0u);
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace tidelock::fuzz
