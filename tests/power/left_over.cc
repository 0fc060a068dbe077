#include "power/left_over.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include "state/layout.h"

namespace tidelock::test {

namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kStartOfQueue = 8192;

Bytes read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes of_another_boot(Bytes state) {
  if (state.size() >= sizeof(state::Header)) {
    reinterpret_cast<state::Header*>(state.data())->boot ^= 1;
  }
  return state;
}

Bytes first(const Bytes& bytes, std::size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(size, bytes.size()))};
}

Bytes torn(Bytes bytes, Random& random) {
  for (std::size_t at = 0; at + kSector <= bytes.size(); at += kSector) {
    if (random() % 2 == 0) std::fill_n(bytes.data() + at, kSector, std::byte{});
  }
  return bytes;
}

Bytes garbage(std::size_t size, Random& random) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

}  // namespace

LeftOver::Contents::Contents(Bytes known, Random& random) {
  for (int i = 0; i < 2; ++i) {
    list_.push_back(std::make_shared<Bytes>(garbage(known.size(), random)));
    list_.push_back(std::make_shared<Bytes>(torn(known, random)));
  }
  // As often as both of the others.
  const Content whole = std::make_shared<Bytes>(std::move(known));
  list_.push_back(whole);
  list_.push_back(whole);
}

const LeftOver::Content& LeftOver::Contents::any(Random& random) const {
  return list_[random() % list_.size()];
}

LeftOver::LeftOver(const std::string& directory, Random& random)
    : state_(of_another_boot(read(directory + "/STATE")), random),
      queue_(read(directory + "/QUEUE"), random),
      start_of_queue_(first(read(directory + "/QUEUE"), kStartOfQueue), random),
      other_(Bytes(4096), random) {}

const LeftOver::Contents& LeftOver::contents_of(std::string_view name, Random& random) const {
  if (name == "STATE") return state_;
  if (name == "QUEUE") return random() % 8 == 0 ? queue_ : start_of_queue_;
  return other_;
}

void LeftOver::add_to(CrashState& state, Random& random) const {
  for (const std::string& name : state.shared) {
    if (random() % 4 == 0) continue;  // not there
    Content content = contents_of(name, random).any(random);
    if (random() % 8 == 0) {
      content = std::make_shared<Bytes>(first(*content, random() % (content->size() + 1)));
    }
    state.files[name] = std::move(content);
  }
}

}  // namespace tidelock::test
