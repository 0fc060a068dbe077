// The benchmark of compaction.

#include <filesystem>

#include "agent_program.h"

namespace tidelock::test {
namespace {

class CompactionBenchmark : public AgentTest {
 protected:
  CompactionBenchmark() : AgentTest(Where::kMemory) {}
  Answer compaction(const std::string& options) {
    return answer_of(std::string(TIDELOCK_AGENT) + " compaction " + directory_.file("both") +
                     " --records 10000 --processes 2 --seconds 0.2 --interval 20ms" +
                     " --memtable-size 128K " + options);
  }
};

TEST_F(CompactionBenchmark, FindsFewerTablesAndBlocksAfterIt) {
  const Answer answer = compaction("--json");
  ASSERT_EQ(answer.exit_code, 0);
  const Json json = answer.json();
  ASSERT_EQ(json["runs"].size(), 2u);
  const Json& off = json["runs"][0];
  EXPECT_EQ(off["compaction"], "off");
  EXPECT_GT(off["before"]["tables"], 10);
  EXPECT_LT(off["after"]["tables"], off["before"]["tables"]);
  EXPECT_LT(off["after"]["blocks"], off["before"]["blocks"]);
  EXPECT_LT(off["after"]["disk_bytes"], off["before"]["disk_bytes"]);
  EXPECT_EQ(off["after"]["entries"], 10'000);
  const Json& on = json["runs"][1];
  EXPECT_TRUE(on["after"].is_null());
  for (const Json& run : json["runs"]) {
    EXPECT_EQ(run["writes"], 20'000);
    EXPECT_GT(run["writes_per_second"]["median"], 0);
    EXPECT_GT(run["before"]["reads"], 0);
    const Json& rates = run["before"]["reads_per_second"];
    EXPECT_LE(rates["minimum"], rates["median"]);
    EXPECT_LE(rates["median"], rates["maximum"]);
  }
  EXPECT_FALSE(std::filesystem::exists(directory_.file("both")));
}

TEST_F(CompactionBenchmark, MeasuresTheOneThatIsAskedFor) {
  const Answer answer = compaction("--compaction on");
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_NE(answer.output.find("Compaction on "), std::string::npos);
  EXPECT_EQ(answer.output.find("Compaction off"), std::string::npos);
  for (const char* figure : {"writes/s", "reads/s", "blocks per table", "MB on disk"}) {
    EXPECT_NE(answer.output.find(figure), std::string::npos) << figure;
  }
}

TEST_F(CompactionBenchmark, LeavesAForeignDatabaseAlone) {
  std::filesystem::create_directories(directory_.file("both"));
  ASSERT_EQ(
      answer_of(std::string(TIDELOCK_TOOL) + " create " + directory_.file("both/off")).exit_code,
      0);
  EXPECT_NE(compaction("").exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(directory_.file("both/off")));
}

}  // namespace
}  // namespace tidelock::test
