#include "agent/generate.h"

#include <sstream>

#include "agent_program.h"

namespace tidelock::test {
namespace {

using agent::GenerateSettings;

std::string generated(const GenerateSettings& settings) {
  std::ostringstream out;
  agent::generate(out, settings);
  return out.str();
}

TEST(Generate, GivesTheSameBytesForTheSameSeed) {
  const std::string text = generated({.entries = 1'000, .seed = 7});
  EXPECT_EQ(generated({.entries = 1'000, .seed = 7}), text);
  EXPECT_NE(generated({.entries = 1'000, .seed = 8}), text);
  EXPECT_TRUE(text.starts_with(generated({.entries = 123, .seed = 7})));
  EXPECT_EQ(generated({.entries = 0}), "");
}

TEST(Generate, GivesKeysInOrderAndSizesAsAsked) {
  std::istringstream lines(
      generated({.entries = 2'345, .key_size = 20, .value_sizes = agent::Sizes::uniform(0, 300)}));
  std::string line, last_key;
  std::size_t count = 0, longest = 0;
  while (std::getline(lines, line)) {
    ++count;
    const std::size_t tab = line.find('\t');
    ASSERT_EQ(tab, 20u) << line;
    EXPECT_EQ(line.find_first_of("\t\\", tab + 1), std::string::npos) << line;
    EXPECT_LT(last_key, line.substr(0, tab));
    last_key = line.substr(0, tab);
    longest = std::max(longest, line.size() - tab - 1);
    ASSERT_LE(longest, 300u);
  }
  EXPECT_EQ(count, 2'345u);
  EXPECT_GT(longest, 280u);
}

class GenerateProgram : public AgentTest {
 protected:
  GenerateProgram() : AgentTest(Where::kMemory) {}
};

TEST_F(GenerateProgram, WritesWhatLoadTakes) {
  const std::string file = directory_.file("users.tsv"), db = directory_.file("db");
  const std::string generate = std::string(TIDELOCK_AGENT) + " generate ";
  const std::string tool = std::string(TIDELOCK_TOOL) + " ";
  EXPECT_EQ(answer_of(generate + "10000 --output " + file).exit_code, 0);
  EXPECT_EQ(answer_of(tool + "create " + db).exit_code, 0);
  EXPECT_EQ(answer_of(tool + "load " + db + " " + file).exit_code, 0);
  const Answer dumped = answer_of(tool + "dump " + db + " - --format tsv");
  EXPECT_EQ(dumped.exit_code, 0);
  EXPECT_TRUE(dumped.output == answer_of(generate + "10000").output);
}

TEST_F(GenerateProgram, SaysWhatItCannotWrite) {
  const std::string generate = std::string(TIDELOCK_AGENT) + " generate ";
  const Answer answer = answer_of(generate + "10 --output /nowhere/file 2>&1");
  EXPECT_EQ(answer.exit_code, 5);
  EXPECT_NE(answer.output.find("/nowhere/file"), std::string::npos) << answer.output;
  EXPECT_EQ(answer_of(generate + "1000000 > /dev/full").exit_code, 5);
  EXPECT_EQ(answer_of(generate + "1000000 --key-size 15").exit_code, 2);
}

}  // namespace
}  // namespace tidelock::test
