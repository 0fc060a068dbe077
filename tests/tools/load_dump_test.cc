// Whole files in and out, by one process and by many.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "support/temporary_directory.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

class LoadDump : public ::testing::Test {
 protected:
  LoadDump() { create(db_); }

  static void create(const std::string& db) { ASSERT_EQ(output_of({"create", db}), ""); }
  std::string write_file(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_.file(name), std::ios::binary) << bytes;
    return directory_.file(name);
  }
  static std::string read_file(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  TemporaryDirectory directory_;
  std::string db_ = directory_.file("db");
};

std::string numbered_lines(int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) lines += "word " + std::to_string(i) + "\n";
  return lines;
}

// Each key's value must be the number that the key itself says.
int count_right_lines(const std::string& db) {
  const std::string dump = output_of({"dump", db});
  int right = 0;
  for (std::size_t begin = 0; begin < dump.size();) {
    const std::size_t end = dump.find('\n', begin);
    const std::string line = dump.substr(begin, end - begin);
    const std::size_t tab = line.find('\t');
    right += tab != std::string::npos && "word " + line.substr(tab + 1) == line.substr(0, tab);
    begin = end + 1;
  }
  return right;
}

TEST_F(LoadDump, LinesHaveTheirNumbersAsValues) {
  EXPECT_EQ(run_tool({"load", db_, "-"}, "pear\napple\nfig").code, 0);
  EXPECT_EQ(output_of({"dump", db_}), "apple\t2\nfig\t3\npear\t1\n");
  EXPECT_EQ(output_of({"dump", db_, "--format", "lines"}), "apple\nfig\npear\n");
  EXPECT_EQ(output_of({"dump", db_, "--prefix", "a", "--format", "json-lines"}),
            "{\"key\":\"apple\",\"value\":\"2\"}\n");
}

TEST_F(LoadDump, TheFilesNameTellsTheFormat) {
  const std::string tsv = write_file("in.tsv", "a\t1\n");
  const std::string jsonl = write_file("in.jsonl", "{\"key\":\"b\",\"value\":\"2\"}\n");
  EXPECT_EQ(run_tool({"load", db_, tsv}).code, 0);
  EXPECT_EQ(run_tool({"load", db_, jsonl}).code, 0);
  EXPECT_EQ(output_of({"dump", db_}), "a\t1\nb\t2\n");
  const std::string out = directory_.file("out.jsonl");
  EXPECT_EQ(run_tool({"dump", db_, out}).code, 0);
  EXPECT_EQ(read_file(out), "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}\n");
}

TEST_F(LoadDump, AnyBytesComeBackAlike) {
  std::mt19937_64 random(7);
  std::string tsv;
  for (int i = 0; i < 2'000; ++i) {
    const auto escaped = [&] {
      std::string text;
      for (std::size_t n = random() % 20; n > 0; --n) {
        char hex[5];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(random() % 256));
        text += hex;
      }
      return text;
    };
    tsv += escaped() + "\t" + escaped() + "\n";
  }
  ASSERT_EQ(run_tool({"load", db_, "-", "--format", "tsv"}, tsv).code, 0);
  for (const char* format : {"tsv", "json-lines"}) {
    const std::string copy = directory_.file(format);
    create(copy);
    const std::string dump = output_of({"dump", db_, "--format", format});
    ASSERT_EQ(run_tool({"load", copy, "-", "--format", format}, dump).code, 0);
    EXPECT_EQ(output_of({"scan", copy, "--as", "hex"}), output_of({"scan", db_, "--as", "hex"}));
    EXPECT_EQ(output_of({"dump", copy}), output_of({"dump", db_}));
  }
}

TEST_F(LoadDump, AMalformedLineIsNamedAndEndsTheLoading) {
  const Outcome outcome =
      run_tool({"load", db_, "-", "--format", "tsv"}, "a\t1\nb\t2\nno tab here\nc\t3\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("standard input:3: no tab"), std::string::npos) << outcome.err;
  EXPECT_EQ(output_of({"dump", db_}), "a\t1\nb\t2\n") << "what came before is stored";
}

TEST_F(LoadDump, ManyProcessesLoadOneFile) {
  const std::string file = write_file("words", numbered_lines(50'000));
  const auto answer =
      nlohmann::json::parse(output_of({"load", db_, file, "--jobs", "4", "--json"}));
  EXPECT_EQ(answer["entries"], 50'000);
  EXPECT_EQ(answer["processes"], 4);
  EXPECT_EQ(count_right_lines(db_), 50'000);
}

TEST_F(LoadDump, ManyProcessesLoadOnePipe) {
  const Outcome outcome =
      run_tool({"load", db_, "-", "--jobs", "3", "--batch", "7"}, numbered_lines(20'000));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(count_right_lines(db_), 20'000);
}

TEST_F(LoadDump, OneOfManyProcessesReportsTheMalformedLine) {
  const Outcome outcome =
      run_tool({"load", db_, "-", "--jobs", "3", "--format", "tsv"}, "a\t1\nb\t2\nno tab here\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("standard input:3: no tab"), std::string::npos) << outcome.err;
}

TEST_F(LoadDump, ManyProcessesFailAsOneWithoutADatabase) {
  const Outcome outcome =
      run_tool({"load", directory_.file("none"), "-", "--jobs", "3"}, numbered_lines(9));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST_F(LoadDump, AKilledLoadLeavesWholeEntriesAndBlocksNobody) {
  Tool load({"load", db_, "-", "--jobs", "4"});
  load.feed(numbered_lines(30'000));
  while (output_of({"count", db_}) == "0\n") {
  }
  load.kill();
  EXPECT_EQ(load.wait().code, -1);
  EXPECT_EQ(run_tool({"put", db_, "after", "wards"}).code, 0);
  EXPECT_EQ(run_tool({"check", db_}).code, 0);
  const int right = count_right_lines(db_);
  EXPECT_GT(right, 0);
}

TEST_F(LoadDump, ManyProgramsWriteAtOnce) {
  std::vector<std::unique_ptr<Tool>> tools;
  for (int i = 0; i < 8; ++i) {
    tools.push_back(
        std::make_unique<Tool>(std::vector<std::string>{"load", db_, "-", "--format", "tsv"}));
  }
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const std::string key = std::to_string(i) + "-" + std::to_string(round);
      tools[i]->feed(key + "\t" + key + "\n");
    }
  }
  for (const auto& tool : tools) EXPECT_EQ(tool->wait().code, 0);
  EXPECT_EQ(output_of({"count", db_}), "400\n");
}

TEST_F(LoadDump, ADumpThatCannotBeWrittenSaysSo) {
  const Outcome outcome = run_tool({"dump", db_, directory_.file("none/out.tsv")});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_NE(outcome.err.find("No such file"), std::string::npos) << outcome.err;
}

TEST_F(LoadDump, ADumpThatFailsLeavesTheFileAsItWas) {
  ASSERT_EQ(run_tool({"put", db_, "two\nlines", ""}).code, 0);
  const std::string file = write_file("kept", "before");
  EXPECT_EQ(run_tool({"dump", db_, file, "--format", "lines"}).code, 2);
  EXPECT_EQ(run_tool({"dump", directory_.file("none"), file}).code, 1);
  EXPECT_EQ(read_file(file), "before");
  for (const auto& one : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_FALSE(one.path().string().ends_with(".partial")) << one.path();
  }
}

TEST_F(LoadDump, ADumpReplacesWhatALinkLeadsTo) {
  ASSERT_EQ(run_tool({"put", db_, "a", "1"}).code, 0);
  const std::string file = write_file("target", "before");
  ::chmod(file.c_str(), 0640);
  std::filesystem::create_symlink(file, directory_.file("link"));
  EXPECT_EQ(run_tool({"dump", db_, directory_.file("link")}).code, 0);
  EXPECT_EQ(read_file(file), "a\t1\n");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0640));
}

TEST_F(LoadDump, AnAnswerInJsonIsJsonLines) {
  ASSERT_EQ(run_tool({"put", db_, "a", "1"}).code, 0);
  EXPECT_EQ(output_of({"dump", db_, "--json"}), "{\"key\":\"a\",\"value\":\"1\"}\n");
  EXPECT_EQ(run_tool({"dump", db_, "--json", "--format", "tsv"}).code, 2);
  const std::string file = directory_.file("out.tsv");
  EXPECT_EQ(output_of({"dump", db_, file, "--json"}), "{\"entries\":1}\n");
  EXPECT_EQ(read_file(file), "a\t1\n");
}

TEST_F(LoadDump, LinesRefuseAKeyOfTwoLines) {
  ASSERT_EQ(run_tool({"put", db_, "two\nlines", ""}).code, 0);
  EXPECT_EQ(run_tool({"dump", db_, "--format", "lines"}).code, 2);
}

}  // namespace
}  // namespace tidelock::test
