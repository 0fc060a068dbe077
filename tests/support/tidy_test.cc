// What a reviewer should not have to say twice.

#include <gtest/gtest.h>

#include "support/source_tree.h"

namespace tidelock::test {
namespace {

constexpr std::size_t kLineLengthMax = 100;  // characters
constexpr std::size_t kSourceLinesMax = 600;
constexpr std::size_t kHeaderLinesMax = 250;
constexpr std::size_t kModelLinesMax = 900;  // a model's states and steps are read together

std::size_t characters(std::string_view line) {
  std::size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1u : 0u;
  return count;
}

bool is_script(const SourceFile& file) {
  return file.text.starts_with("#!");
}

bool is_build_file(const SourceFile& file) {
  return file.path.filename() == "CMakeLists.txt" || file.path.extension() == ".cmake";
}

// Files whose lines we lay out by hand.
std::vector<SourceFile> code_files() {
  std::vector<SourceFile> files;
  for (SourceFile& file : source_files()) {
    if (file.is_code() || is_script(file) || is_build_file(file)) files.push_back(std::move(file));
  }
  return files;
}

TEST(Code, KeepsToItsLineLength) {
  for (const SourceFile& file : code_files()) {
    std::size_t number = 0;
    for (const std::string_view line : file.lines()) {
      ++number;
      EXPECT_LE(characters(line), kLineLengthMax) << file.path << ":" << number;
    }
  }
}

TEST(Code, HasNoTabsAndNoBlanksAtTheEndOfALine) {
  for (const SourceFile& file : code_files()) {
    std::size_t number = 0;
    for (const std::string_view line : file.lines()) {
      ++number;
      EXPECT_EQ(line.find('\t'), std::string_view::npos) << file.path << ":" << number;
      EXPECT_FALSE(line.ends_with(' ') || line.ends_with('\r')) << file.path << ":" << number;
    }
    EXPECT_TRUE(file.text.ends_with('\n')) << file.path << " does not end with a newline";
  }
}

TEST(Code, StaysOfAReadableSize) {
  for (const SourceFile& file : code_files()) {
    const bool model = file.path.parent_path() == "tests/models";
    const bool header = file.path.extension() == ".h";
    const std::size_t most = model ? kModelLinesMax : header ? kHeaderLinesMax : kSourceLinesMax;
    EXPECT_LE(file.lines().size(), most) << file.path;
  }
}

TEST(Code, LeavesNothingForLater) {
  const std::string words[] = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "HA"
      "CK",
      "GTEST_"
      "SKIP",
      "DISA"
      "BLED_"};
  for (const SourceFile& file : code_files()) {
    for (const std::string& word : words) {
      EXPECT_EQ(file.text.find(word), std::string::npos) << file.path << " says " << word;
    }
  }
}

TEST(Headers, AreIncludedOnce) {
  for (const SourceFile& file : source_files()) {
    if (file.path.extension() != ".h") continue;
    EXPECT_TRUE(file.text.starts_with("#pragma once\n")) << file.path;
  }
}

TEST(Sources, IncludeTheirOwnHeaderFirst) {
  for (const SourceFile& file : source_files()) {
    if (file.path.extension() != ".cc") continue;
    std::filesystem::path header = file.path;
    header.replace_extension(".h");
    if (!std::filesystem::exists(TIDELOCK_SOURCE_DIR / header)) continue;
    const std::size_t first = file.text.find("#include ");
    const std::string line = file.text.substr(first, file.text.find('\n', first) - first);
    EXPECT_TRUE(line.ends_with(header.filename().string() + "\"")) << file.path << ": " << line;
  }
}

TEST(Folders, AreNamedForWhatIsInThem) {
  const std::set<std::string> refused = {"util",   "utils",   "common", "misc",
                                         "helper", "helpers", "detail", "impl"};
  for (const SourceFile& file : source_files()) {
    for (const auto& part : file.path.parent_path()) {
      EXPECT_FALSE(refused.contains(part.string())) << file.path;
    }
  }
}

TEST(Scripts, CanBeRun) {
  for (const SourceFile& file : source_files()) {
    if (!is_script(file)) continue;
    const auto mode = std::filesystem::status(TIDELOCK_SOURCE_DIR / file.path).permissions();
    EXPECT_NE(mode & std::filesystem::perms::owner_exec, std::filesystem::perms::none) << file.path;
  }
}

// "[text](target)": every target that is no address exists.
TEST(Documents, LinkToWhatExists) {
  for (const SourceFile& file : source_files()) {
    if (file.path.extension() != ".md") continue;
    for (std::size_t at = 0; (at = file.text.find("](", at)) != std::string::npos; ++at) {
      std::string target = file.text.substr(at + 2, file.text.find(')', at) - at - 2);
      target.resize(std::min(target.find('#'), target.size()));
      if (target.empty() || target.find("://") != std::string::npos) continue;
      EXPECT_TRUE(std::filesystem::exists(TIDELOCK_SOURCE_DIR / file.path.parent_path() / target))
          << file.path << " links to " << target;
    }
  }
}

TEST(Readme, ShowsTheFirstProgramAsItIsCompiled) {
  const std::filesystem::path root = TIDELOCK_SOURCE_DIR;
  const std::string program = read_text(root / "examples/first.cc");
  ASSERT_FALSE(program.empty());
  EXPECT_NE(read_text(root / "README.md").find("```cpp\n" + program + "```\n"), std::string::npos);
}

}  // namespace
}  // namespace tidelock::test
