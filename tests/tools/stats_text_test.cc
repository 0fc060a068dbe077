#include "cli/stats_text.h"

#include <gtest/gtest.h>

namespace tidelock::cli {
namespace {

Stats example() {
  Stats stats;
  stats.uuid = "1b4e28ba";
  stats.disk_bytes = 3 << 20;
  stats.levels = {{0, 1, 2048}, {1, 12, 4096}};
  TableStats table;
  table.number = 7;
  table.level = 1;
  table.file_bytes = 2048;
  table.entries = 1'234'567;
  table.data_blocks = 3;
  table.smallest = "a\x01";
  table.largest = std::string(100, 'z') + "\xff";
  stats.tables = {table};
  stats.fixed.compression = Compression::kLz4;
  return stats;
}

TEST(StatsText, AlignsWhatItSays) {
  const std::string text = stats_text(example(), false);
  EXPECT_NE(text.find("uuid         1b4e28ba\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tables       13\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("smallest"), std::string::npos);
}

TEST(StatsText, ListsLevelsTablesAndBlocksOnRequest) {
  const std::string text = stats_text(example(), true);
  EXPECT_NE(text.find("level  tables     size\n"
                      "    0       1  2.0 KiB\n"
                      "    1      12  4.0 KiB\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("    1      7  2.0 KiB  1,234,567           0       3  a\\x01     zzz"),
            std::string::npos)
      << text;
}

TEST(StatsJson, HoldsExactNumbersAndAnyKey) {
  const Json json = stats_json(example(), true);
  EXPECT_EQ(json["disk_bytes"], 3 << 20);
  EXPECT_EQ(json["fixed"]["compression"], "lz4");
  EXPECT_EQ(json["tables"][0]["smallest"], "a\x01");
  EXPECT_TRUE(json["tables"][0].contains("largest_base64")) << "not UTF-8";
  EXPECT_FALSE(stats_json(example(), false).contains("tables"));
}

TEST(CheckText, SaysSoundOrListsTheProblems) {
  CheckReport report;
  report.entries = 1;
  report.tables = 2;
  EXPECT_TRUE(check_text(report).starts_with("sound: 2 tables with 1 entry in 0 blocks"));
  EXPECT_EQ(check_json(report)["sound"], true);
  report.problems = {"000007.sst at 4096: checksum\n"};
  EXPECT_TRUE(check_text(report).starts_with(
      "problem: 000007.sst at 4096: checksum\\n\n1 problem: 2 tables"));
  EXPECT_EQ(check_json(report)["sound"], false);
}

}  // namespace
}  // namespace tidelock::cli
