#include "agent/generate.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "agent/random.h"
#include "agent/report.h"
#include "agent/report/file_output.h"

namespace tidelock::agent {
namespace {

// In the order of bytes, and all of one length, so that keys are.
constexpr std::array<std::string_view, 5> kFields{"born", "city", "mail", "name", "plan"};
constexpr std::size_t kDigitsMin = 6;
constexpr std::size_t kKeyFrame = 5 + 1 + 4;  // "user:", ":" and the field

constexpr std::array<std::string_view, 16> kFirstNames{
    "Ada",  "Bruno", "Chiara", "Dmitri", "Emeka", "Farah", "Goran", "Hana",
    "Ines", "Jonas", "Kavya",  "Lena",   "Mateo", "Nora",  "Omar",  "Petra"};
constexpr std::array<std::string_view, 16> kLastNames{
    "Abebe", "Berg",   "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad",
    "Ito",   "Jansen", "Kowal", "Lindt",  "Moreau",  "Novak",   "Okafor", "Weber"};
constexpr std::array<std::string_view, 12> kCities{"Accra", "Bergen", "Cairo", "Dublin",
                                                   "Espoo", "Faro",   "Ghent", "Hanoi",
                                                   "Izmir", "Jaipur", "Kyoto", "Lisbon"};
constexpr std::array<std::string_view, 3> kPlans{"basic", "family", "company"};
constexpr std::array<std::string_view, 16> kWords{
    "prefers", "the",   "quiet",  "seat",    "by",   "window",  "and",   "a",
    "late",    "train", "writes", "letters", "from", "harbour", "towns", "often"};

template <std::size_t count>
std::string_view any(const std::array<std::string_view, count>& words, Random& random) {
  return words[random.below(count)];
}

std::size_t digits_of(std::uint64_t number) {
  return std::to_string(number).size();
}

std::uint64_t last_user(std::uint64_t entries) {
  return entries == 0 ? 0 : (entries - 1) / kFields.size();
}

void append_padded(std::uint64_t number, std::size_t digits, std::string& out) {
  const std::string text = std::to_string(number);
  out.append(digits - std::min(digits, text.size()), '0');
  out += text;
}

class Generator {
 public:
  explicit Generator(const GenerateSettings& settings)
      : settings_(settings),
        digits_(settings.key_size != 0
                    ? settings.key_size - kKeyFrame
                    : std::max(kDigitsMin, digits_of(last_user(settings.entries)))) {}

  void append_line(std::uint64_t entry, std::string& out) {
    const std::uint64_t user = entry / kFields.size();
    const std::size_t field = entry % kFields.size();
    if (field == 0) choose(user);
    out += "user:";
    append_padded(user, digits_, out);
    out += ':';
    out += kFields[field];
    out += '\t';
    const std::size_t begin = out.size();
    append_value(user, field, out);
    if (settings_.value_sizes) {
      fill(begin + settings_.value_sizes->next(random_), out);
    }
    out += '\n';
  }

 private:
  // The choices of a user are its own, whoever comes before.
  void choose(std::uint64_t user) {
    random_ = Random(mix(settings_.seed) ^ user);
    first_ = any(kFirstNames, random_);
    last_ = any(kLastNames, random_);
  }

  void append_value(std::uint64_t user, std::size_t field, std::string& out) {
    if (kFields[field] == "born") {
      append_padded(1940 + random_.below(70), 4, out);
      out += '-';
      append_padded(1 + random_.below(12), 2, out);
      out += '-';
      append_padded(1 + random_.below(28), 2, out);
    } else if (kFields[field] == "city") {
      out += any(kCities, random_);
    } else if (kFields[field] == "plan") {
      out += any(kPlans, random_);
    } else if (kFields[field] == "name") {
      out.append(first_).append(" ").append(last_);
    } else {
      const std::size_t begin = out.size();
      out.append(first_).append(".").append(last_);
      for (std::size_t i = begin; i < out.size(); ++i) {
        if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] - 'A' + 'a');
      }
      out.append(".").append(std::to_string(user)).append("@example.org");
    }
  }

  // With words, or by cutting it off.
  void fill(std::size_t end, std::string& out) {
    while (out.size() < end) out.append(" ").append(any(kWords, random_));
    out.resize(end);
  }

  const GenerateSettings& settings_;
  const std::size_t digits_;
  Random random_{0};
  std::string_view first_, last_;
};

}  // namespace

std::size_t least_key_size(std::uint64_t entries) {
  return kKeyFrame + digits_of(last_user(entries));
}

void generate(std::ostream& out, const GenerateSettings& settings) {
  constexpr std::size_t kBlock = 1 << 18;
  Generator generator(settings);
  std::string block;
  for (std::uint64_t entry = 0; entry < settings.entries && out; ++entry) {
    generator.append_line(entry, block);
    if (block.size() < kBlock) continue;
    out.write(block.data(), static_cast<std::streamsize>(block.size()));
    block.clear();
  }
  out.write(block.data(), static_cast<std::streamsize>(block.size()));
}

int run_generate(const GenerateSettings& settings) {
  const bool written =
      write_to(settings.output, [&](std::ostream& out) { generate(out, settings); });
  return static_cast<int>(written ? ExitCode::kGood : ExitCode::kIo);
}

}  // namespace tidelock::agent
