#include "cli/input_blocks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace tidelock::cli {
namespace {

// A pipe whose writing end a thread feeds.
class Feed {
 public:
  explicit Feed(std::string bytes) : bytes_(std::move(bytes)) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    writer_ = std::thread([this] {
      for (std::size_t done = 0; done < bytes_.size();) {
        const ssize_t got = ::write(ends_[1], bytes_.data() + done, bytes_.size() - done);
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
      }
      ::close(ends_[1]);
    });
  }
  ~Feed() {
    writer_.join();
    ::close(ends_[0]);
  }
  [[nodiscard]] int fd() const { return ends_[0]; }

 private:
  std::string bytes_;
  std::array<int, 2> ends_{};
  std::thread writer_;
};

std::vector<Block> read_all(const std::string& bytes) {
  Feed feed(bytes);
  InputBlocks input(feed.fd(), "feed");
  std::vector<Block> blocks;
  for (;;) {
    auto block = input.next();
    EXPECT_TRUE(block) << block.status().to_string();
    if (!block || !block->has_value()) return blocks;
    blocks.push_back(**std::move(block));
  }
}

TEST(InputBlocks, AreNothingForAnEmptyInput) {
  EXPECT_TRUE(read_all("").empty());
}

TEST(InputBlocks, HoldWholeLinesAndCountThem) {
  std::string bytes;
  for (int i = 1; i <= 200'000; ++i) bytes += std::to_string(i) + "\n";
  std::string seen;
  for (const Block& block : read_all(bytes)) {
    ASSERT_EQ(block.bytes.substr(0, block.bytes.find('\n')), std::to_string(block.first_line));
    ASSERT_EQ(block.bytes.back(), '\n');
    seen += block.bytes;
  }
  EXPECT_EQ(seen, bytes);
}

TEST(InputBlocks, KeepALineThatIsLongerThanOneRead) {
  const std::string line(3 << 20, 'x');
  const auto blocks = read_all("first\n" + line + "\nlast");
  std::string seen;
  for (const Block& block : blocks) seen += block.bytes;
  EXPECT_EQ(seen, "first\n" + line + "\nlast");
  EXPECT_EQ(blocks.back().bytes, "last");
  EXPECT_EQ(blocks.back().first_line, 3u);
}

TEST(InputBlocks, DoNotWaitForMoreThanHasArrived) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "one\ntw", 6), 6);
  InputBlocks input(ends[0], "pipe");
  EXPECT_EQ(input.next().value()->bytes, "one\n");
  ASSERT_EQ(::write(ends[1], "o\n", 2), 2);
  EXPECT_EQ(input.next().value()->bytes, "two\n");
  ::close(ends[1]);
  EXPECT_FALSE(input.next().value().has_value());
  ::close(ends[0]);
}

TEST(InputBlocks, SayWhichFileCannotBeRead) {
  const auto missing = InputBlocks::open("/nowhere/words");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), StatusCode::kIo);
  EXPECT_EQ(missing.error().message(), "open /nowhere/words: No such file or directory");
  auto directory = InputBlocks::open("/");
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->next().error().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace tidelock::cli
