#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "os/file.h"
#include "support/seed.h"
#include "support/temporary_directory.h"
#include "table/builder.h"
#include "table/iterator.h"
#include "table/reader.h"

namespace tidelock::table {

// What a table should hold: no value means a tombstone.
using Model = std::map<std::string, std::optional<std::string>>;

using test::random_seed;

// A whole number below `limit`.
inline std::size_t below(std::mt19937_64& random, std::size_t limit) {
  return static_cast<std::size_t>(random() % limit);
}

// Of any bytes, but few different ones, so that keys share beginnings and often collide.
inline std::string random_bytes(std::mt19937_64& random, std::size_t length) {
  constexpr std::string_view kAlphabet("\0a\xff z", 4);
  std::string bytes;
  while (bytes.size() < length) bytes.push_back(kAlphabet[below(random, kAlphabet.size())]);
  return bytes;
}

inline Model random_model(std::mt19937_64& random, std::size_t entries, std::size_t key_max,
                          std::size_t value_max) {
  Model model;
  for (std::size_t i = 0; i < entries; ++i) {
    std::optional<std::string>& value = model[random_bytes(random, below(random, key_max + 1))];
    value.reset();
    if (below(random, 8) != 0) value = random_bytes(random, below(random, value_max + 1));
  }
  return model;
}

inline Status add(Builder& builder, const Model::value_type& entry) {
  return entry.second ? builder.add(entry.first, Kind::kPut, *entry.second)
                      : builder.add(entry.first, Kind::kErase, {});
}

// The bytes of a table with these entries.
inline std::string build_table(const Model& model, const BuilderOptions& options) {
  const test::TemporaryDirectory directory;
  Builder builder =
      std::move(
          Builder::create(std::move(os::File::create(directory.file("t"), {})).value(), options))
          .value();
  for (const auto& entry : model) EXPECT_TRUE(add(builder, entry).ok());
  const Result<Properties> properties = builder.finish(77);
  EXPECT_TRUE(properties) << properties.status().to_string();
  std::string bytes(builder.file().size().value(), '\0');
  EXPECT_TRUE(builder.file().read_exact(0, std::as_writable_bytes(std::span(bytes))).ok());
  EXPECT_EQ(bytes.size(), properties->file_bytes);
  return bytes;
}

// `bytes` must outlive the reader.
inline Result<std::shared_ptr<const Reader>> open_table(std::string_view bytes,
                                                        const Identity& expected = {}) {
  return Reader::open(std::as_bytes(std::span(bytes)), nullptr, "t.sst", expected);
}

inline std::shared_ptr<const Reader> opened(std::string_view bytes, const Identity& expected = {}) {
  Result<std::shared_ptr<const Reader>> reader = open_table(bytes, expected);
  EXPECT_TRUE(reader) << reader.status().to_string();
  return std::move(reader).value();
}

}  // namespace tidelock::table
