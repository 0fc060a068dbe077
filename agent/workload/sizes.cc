#include "agent/workload/sizes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "agent/workload/fields.h"

namespace tidelock::agent {
namespace {

Status not_a_size(std::string_view text) {
  return Status(StatusCode::kInvalid,
                "'" + std::string(text) +
                    "' is no size (examples: 100, uniform:24-1000, zipfian:24-1000, file:PATH)");
}

}  // namespace

Sizes Sizes::uniform(std::size_t smallest, std::size_t largest) {
  Sizes sizes(smallest, largest);
  sizes.text_ = smallest == largest
                    ? std::to_string(smallest)
                    : "uniform:" + std::to_string(smallest) + "-" + std::to_string(largest);
  return sizes;
}

Sizes Sizes::zipfian(std::size_t smallest, std::size_t largest) {
  Sizes sizes(smallest, largest);
  sizes.text_ = "zipfian:" + std::to_string(smallest) + "-" + std::to_string(largest);
  sizes.zipfian_.emplace(static_cast<std::uint32_t>(largest - smallest + 1));
  return sizes;
}

Result<Sizes> Sizes::from_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    const StatusCode code = errno == ENOENT ? StatusCode::kNotFound : StatusCode::kIo;
    return Status(code, "open " + path + ": " + std::strerror(errno));
  }
  Sizes sizes(0, 0);
  sizes.text_ = "file:" + path;
  std::vector<double> weights;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string size, weight, more;
    if (!(words >> size)) continue;
    words >> weight >> more;
    const auto parsed = parse_count(size);
    const auto share = weight.empty() ? 1.0 : parse_decimal(weight);
    if (!parsed || !share || !more.empty()) {
      return Status(StatusCode::kInvalid, path + ": '" + line + "' is no size and weight");
    }
    sizes.listed_.push_back(*parsed);
    weights.push_back(*share);
  }
  if (file.bad()) return Status(StatusCode::kIo, "read " + path + ": " + std::strerror(errno));
  if (std::ranges::none_of(weights, [](double weight) { return weight > 0; })) {
    return Status(StatusCode::kInvalid, path + " holds no size of any weight");
  }
  const auto [least, most] = std::ranges::minmax(sizes.listed_);
  sizes.smallest_ = least;
  sizes.largest_ = most;
  sizes.weights_.emplace(weights);
  return sizes;
}

Result<Sizes> Sizes::parse(std::string_view text, std::size_t floor, std::size_t ceiling) {
  const auto make = [&]() -> Result<Sizes> {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
      const auto size = parse_count(text);
      if (!size) return not_a_size(text);
      return fixed(*size);
    }
    const std::string_view kind = text.substr(0, colon), rest = text.substr(colon + 1);
    if (kind == "file") return from_file(std::string(rest));
    const std::size_t dash = rest.find('-');
    if (dash == std::string_view::npos) return not_a_size(text);
    const auto low = parse_count(rest.substr(0, dash)), high = parse_count(rest.substr(dash + 1));
    if (!low || !high || *low > *high || *high - *low >= UINT32_MAX) return not_a_size(text);
    if (kind == "uniform") return uniform(*low, *high);
    if (kind == "zipfian") return zipfian(*low, *high);
    return not_a_size(text);
  };
  Result<Sizes> sizes = make();
  if (sizes && (sizes->smallest_ < floor || sizes->largest_ > ceiling)) {
    return Status(StatusCode::kInvalid, "'" + std::string(text) + "' is not within " +
                                            std::to_string(floor) + " to " +
                                            std::to_string(ceiling));
  }
  return sizes;
}

Sizes Sizes::sum(const Sizes& part, std::size_t parts, std::size_t floor) {
  Sizes sizes = part;
  sizes.parts_ = parts;
  sizes.floor_ = floor;
  sizes.text_ = std::to_string(parts) + "*" + part.text_;
  return sizes;
}

std::size_t Sizes::next(Random& random) const noexcept {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < parts_; ++i) sum += next_part(random);
  return std::max(sum, floor_);
}

std::size_t Sizes::next_part(Random& random) const noexcept {
  if (weights_) return listed_[weights_->next(random)];
  if (zipfian_) return smallest_ + zipfian_->next(random);
  if (smallest_ == largest_) return smallest_;
  return smallest_ + random.below(static_cast<std::uint32_t>(largest_ - smallest_ + 1));
}

}  // namespace tidelock::agent
