// Every command of the program from outside: what it prints, and how it ends.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "support/temporary_directory.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

using nlohmann::json;

class Command : public ::testing::Test {
 protected:
  Command() { EXPECT_EQ(output_of({"create", db_}), ""); }

  // Runs `name DB arguments...`.
  Outcome run(const std::string& name, const std::vector<std::string>& arguments,
              std::string_view input = {}) {
    std::vector<std::string> all = {name, db_};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_tool(all, input);
  }
  std::string output(const std::string& name, const std::vector<std::string>& arguments = {},
                     std::string_view input = {}) {
    const Outcome outcome = run(name, arguments, input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }
  json answer(const std::string& name, std::vector<std::string> arguments = {}) {
    arguments.emplace_back("--json");
    return json::parse(output(name, arguments));
  }

  TemporaryDirectory directory_;
  std::string db_ = directory_.file("db");
};

TEST_F(Command, CreateMakesADatabaseOnce) {
  EXPECT_EQ(output("count"), "0\n");
  EXPECT_EQ(run("create", {}).code, 2) << "there is one already";
  EXPECT_EQ(run("create", {"--if-missing"}).code, 0);
}

TEST_F(Command, CreateKeepsItsOptions) {
  const std::string other = directory_.file("other");
  ASSERT_EQ(run_tool({"create", other, "--memtable-size", "8M", "--compression", "zstd",
                      "--bloom-bits", "0", "--compaction", "manual", "--block-size", "16K"})
                .code,
            0);
  json fixed = json::parse(output_of({"stats", other, "--json"}))["fixed"];
  EXPECT_EQ(fixed["memtable_size"], 8 << 20);
  EXPECT_EQ(fixed["compression"], "zstd");
  EXPECT_EQ(fixed["bloom_bits_per_key"], 0);
  EXPECT_EQ(fixed["compaction_style"], "manual");
  EXPECT_EQ(fixed["block_size"], 16 << 10);
}

TEST_F(Command, NoOtherCommandCreates) {
  const std::string missing = directory_.file("missing");
  const std::vector<std::vector<std::string>> commands = {
      {"get", missing, "a"},    {"put", missing, "a", "1"}, {"del", missing, "a"},
      {"exists", missing, "a"}, {"scan", missing},          {"min", missing},
      {"max", missing},         {"above", missing, "a"},    {"below", missing, "a"},
      {"count", missing},       {"load", missing, "-"},     {"dump", missing},
      {"stats", missing},       {"check", missing},         {"compact", missing},
      {"shell", missing},       {"repair", missing, "new"}};
  for (const auto& command : commands) {
    const Outcome outcome = run_tool(command);
    EXPECT_EQ(outcome.code, 1) << command[0];
    EXPECT_NE(outcome.err.find(missing), std::string::npos) << command[0] << ": " << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(missing)) << command[0];
  }
}

TEST_F(Command, PutStoresAndGetShows) {
  EXPECT_EQ(output("put", {"apple", "red"}), "");
  EXPECT_EQ(output("get", {"apple"}), "red\n");
  EXPECT_EQ(output("get", {"apple", "--raw"}), "red");
  EXPECT_EQ(answer("get", {"apple"}), json({{"key", "apple"}, {"value", "red"}}));
  EXPECT_EQ(run("get", {"pear"}).code, 1);
}

TEST_F(Command, PutTakesItsValueFromStandardInputToo) {
  const std::string bytes("line\n\0\xff\t", 8);
  output("put", {"bytes"}, bytes);
  EXPECT_EQ(output("get", {"bytes", "--raw"}), bytes);
  EXPECT_EQ(output("get", {"bytes", "--value-format", "hex"}), "6c696e650a00ff09\n");
  EXPECT_EQ(answer("get", {"bytes"})["value_base64"], "bGluZQoA/wk=");
}

TEST_F(Command, PutDecodesStandardInputAsItDoesItsArgument) {
  output("put", {"hex", "--value-format", "hex"}, "00ff\n");
  EXPECT_EQ(output("get", {"hex", "--raw"}), std::string("\0\xff", 2));
  output("put", {"base64", "--value-format", "base64"}, "AP8=");
  EXPECT_EQ(run("put", {"bad", "--value-format", "hex"}, "red").code, 2);
  EXPECT_EQ(run("exists", {"bad"}).code, 1);
}

TEST_F(Command, ArgumentsMeanThemselves) {
  const std::vector<std::string> odd = {"", "{}", "[]", "[a,b]", "%%", "a b", "\"", "a=b", "@x"};
  for (const std::string& text : odd) {
    output("put", {text, "<" + text + ">"});
    EXPECT_EQ(output("get", {text, "--raw"}), "<" + text + ">");
  }
  output("put", {"--", "-k", "--json"});
  EXPECT_EQ(output("get", {"--", "-k"}), "--json\n");
}

TEST_F(Command, PutIfComparesBeforeItStores) {
  EXPECT_EQ(run("put", {"a", "1", "--if", "0"}).code, 1);
  EXPECT_EQ(run("put", {"a", "1", "--if-absent"}).code, 0);
  EXPECT_EQ(run("put", {"a", "2", "--if-absent"}).code, 1);
  EXPECT_EQ(run("put", {"a", "2", "--if", "1"}).code, 0);
  EXPECT_EQ(output("get", {"a"}), "2\n");
}

TEST_F(Command, PutIfSaysWhyItDidNotStore) {
  output("put", {"a", "1"});
  const Outcome there = run("put", {"a", "2", "--if-absent"});
  EXPECT_EQ(there.err, "tidelock: not stored: the key 'a' is there already\n");
  EXPECT_NE(run("put", {"a", "2", "--if", "0"}).err.find("does not have that value"),
            std::string::npos);
  const Outcome in_json = run("put", {"a", "2", "--if", "0", "--json"});
  EXPECT_EQ(in_json.out, "{\"applied\":false}\n");
  EXPECT_EQ(in_json.err, "");
}

TEST_F(Command, ErrorsNameTheKeyAndTheDatabase) {
  EXPECT_EQ(run("get", {"pear"}).err, "tidelock: not found: no key 'pear' in " + db_ + "\n");
  EXPECT_EQ(run("above", {"pear"}).err,
            "tidelock: not found: no entry above the key 'pear' in " + db_ + "\n");
}

TEST_F(Command, ErrorsAreEscapedOnce) {
  const Outcome outcome = run("load", {"-", "--format", "tsv"}, "\\q\t1\n");
  EXPECT_NE(outcome.err.find("(known are \\t \\n \\\\ \\xHH)"), std::string::npos) << outcome.err;
  output("put", {"a\nb", ""});
  const Outcome two_lines = run("dump", {"--format", "lines"});
  EXPECT_NE(two_lines.err.find("the key a\\nb is"), std::string::npos) << two_lines.err;
}

TEST_F(Command, DelRemovesAllItsKeys) {
  for (const char* key : {"a", "b", "c"}) output("put", {key, "1"});
  EXPECT_EQ(output("del", {"a", "nothing", "c"}), "");
  EXPECT_EQ(output("scan"), "b\t1\n");
}

TEST_F(Command, ExistsAnswersByItsExitCodeToo) {
  output("put", {"a", "1"});
  EXPECT_EQ(output("exists", {"a"}), "yes\n");
  const Outcome missing = run("exists", {"b"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.out, "no\n");
  EXPECT_EQ(answer("exists", {"a"}), json({{"exists", true}}));
}

class Ordered : public Command {
 protected:
  Ordered() {
    output("load", {"-", "--format", "tsv"}, "apple\t1\napricot\t2\nbanana\t3\ncherry\t4\n");
  }
};

TEST_F(Ordered, ScanShowsARangeInEitherDirection) {
  EXPECT_EQ(output("scan"), "apple\t1\napricot\t2\nbanana\t3\ncherry\t4\n");
  EXPECT_EQ(output("scan", {"--from", "apricot", "--to", "cherry"}), "apricot\t2\nbanana\t3\n");
  EXPECT_EQ(output("scan", {"--prefix", "ap", "--reverse"}), "apricot\t2\napple\t1\n");
  EXPECT_EQ(output("scan", {"--limit", "1", "--keys-only"}), "apple\n");
  EXPECT_EQ(output("scan", {"--limit", "1", "--values-only", "--reverse"}), "4\n");
  EXPECT_EQ(output("scan", {"--limit", "0"}), "");
  EXPECT_EQ(output("scan", {"--prefix", "b", "--json"}), "{\"key\":\"banana\",\"value\":\"3\"}\n");
  for (const char* command : {"scan", "count", "dump", "compact"}) {
    EXPECT_EQ(run(command, {"--from", "b", "--to", "a"}).code, 2) << command;
  }
}

TEST_F(Ordered, NeighboursAreStrict) {
  EXPECT_EQ(output("min"), "apple\t1\n");
  EXPECT_EQ(output("max"), "cherry\t4\n");
  EXPECT_EQ(output("above", {"apple"}), "apricot\t2\n");
  EXPECT_EQ(output("below", {"banana"}), "apricot\t2\n");
  EXPECT_EQ(run("above", {"cherry"}).code, 1);
  EXPECT_EQ(run("below", {"apple"}).code, 1);
}

TEST_F(Ordered, CountCountsARange) {
  EXPECT_EQ(output("count"), "4\n");
  EXPECT_EQ(answer("count", {"--prefix", "ap"}), json({{"count", 2}}));
}

TEST_F(Ordered, FormatsGoBothWays) {
  output("put", {"00ff", "AP8=", "--key-format", "hex", "--value-format", "base64"});
  EXPECT_EQ(output("scan", {"--limit", "1"}), "\\x00\\xff\t\\x00\\xff\n");
  EXPECT_EQ(output("scan", {"--limit", "1", "--as", "hex"}), "00ff\t00ff\n");
  EXPECT_EQ(output("above", {"00ff", "--as", "hex"}), "6170706c65\t31\n");
  EXPECT_EQ(run("get", {"0", "--as", "hex"}).code, 2);
}

TEST_F(Ordered, StatsListsTablesAndBlocks) {
  output("compact");
  json stats = answer("stats", {"--tables"});
  ASSERT_EQ(stats["tables"].size(), 1u);
  EXPECT_EQ(stats["tables"][0]["entries"], 4);
  EXPECT_EQ(stats["tables"][0]["data_blocks"], 1);
  EXPECT_EQ(stats["tables"][0]["smallest"], "apple");
  EXPECT_NE(output("stats", {"--tables"}).find("smallest"), std::string::npos);
}

TEST_F(Ordered, CompactChangesNothingThatIsRead) {
  const std::string before = output("scan");
  output("del", {"banana"});
  output("compact");
  EXPECT_EQ(output("count"), "3\n");
  output("put", {"banana", "3"});
  EXPECT_EQ(output("scan"), before);
}

TEST_F(Ordered, CheckCallsASoundDatabaseSound) {
  EXPECT_TRUE(output("check").starts_with("sound: "));
  EXPECT_EQ(answer("check")["memtable_entries"], 4);
  output("compact");
  EXPECT_EQ(answer("check")["entries"], 4);
  EXPECT_EQ(answer("check")["sound"], true);
}

TEST_F(Ordered, DamageIsExitCodeFour) {
  output("compact");
  for (const auto& file : std::filesystem::directory_iterator(db_)) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(10);
    table.put('\xee');
  }
  const Outcome checked = run("check", {});
  EXPECT_EQ(checked.code, 4);
  EXPECT_NE((checked.out + checked.err).find(".sst"), std::string::npos) << "names the file";
}

TEST_F(Ordered, RepairSavesWhatIsLeftAndSaysWhatIsNot) {
  output("compact");
  const std::string saved = directory_.file("saved");
  EXPECT_EQ(run("repair", {saved}).out.find("saved 4 entries"), 0u);
  std::filesystem::remove_all(saved);
  for (const auto& file : std::filesystem::directory_iterator(db_)) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(10);
    table.put('\xee');
  }
  const Outcome outcome = run("repair", {saved, "--json"});
  EXPECT_EQ(outcome.code, 4);
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report["complete"], false);
  EXPECT_EQ(report["findings"][0]["effect"], "lost");
  EXPECT_EQ(run_tool({"check", saved}).code, 0);
  EXPECT_EQ(run("repair", {saved}).code, 2) << "there is a database already";
}

TEST_F(Ordered, ReadingNeedsReadPermissionAlone) {
  ::chmod(directory_.path().c_str(), 0755);
  for (const auto& file : std::filesystem::directory_iterator(db_)) {
    ::chmod(file.path().c_str(), 0444);
  }
  ::chmod(db_.c_str(), 0555);
  constexpr uid_t kNobody = 65534;
  const uid_t user = ::getuid() == 0 ? kNobody : ::getuid();
  const auto as_user = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, db_);
    return Tool(arguments, user).wait();
  };
  EXPECT_EQ(as_user({"get", "apple"}).out, "1\n");
  EXPECT_EQ(as_user({"count"}).out, "4\n");
  EXPECT_EQ(as_user({"check"}).code, 0);
  EXPECT_EQ(as_user({"put", "a", "1"}).code, 5);
  ::chmod(db_.c_str(), 0755);
}

TEST(Usage, IsExitCodeTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"bogus"},
      {"get"},
      {"get", "db"},
      {"put", "db", "k", "v", "w"},
      {"put", "db", "k", "v", "--wait", "never"},
      {"put", "db", "k", "v", "--deadline", "1h"},
      {"create", "db", "--memtable-size", "big"},
      {"scan", "db", "--limit", "-1"},
      {"load", "db", "-", "--jobs", "0"},
      {"scan", "db", "--keys-only", "--values-only"}};
  for (const auto& arguments : wrong) {
    const Outcome outcome = run_tool(arguments);
    EXPECT_EQ(outcome.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_NE(outcome.err, "");
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Usage, HasNoOptionWithoutEffect) {
  const std::vector<std::vector<std::string>> wrong = {
      {"exists", "db", "k", "--raw"},
      {"exists", "db", "k", "--value-format", "hex"},
      {"count", "db", "--raw"},
      {"count", "db", "--as", "hex"},
      {"del", "db", "k", "--raw"},
      {"del", "db", "k", "--value-format", "hex"},
      {"compact", "db", "--raw"},
      {"compact", "db", "--value-format", "hex"},
      {"compact", "db", "--durability", "durable"},
      {"create", "db", "--durability", "durable"},
      {"put", "db", "k", "v", "--raw"},
      {"dump", "db", "--raw"},
      {"dump", "db", "--as", "hex"},
      {"get", "db", "k", "--raw", "--json"}};
  for (const auto& arguments : wrong) {
    EXPECT_EQ(run_tool(arguments).code, 2) << ::testing::PrintToString(arguments);
  }
}

TEST(Usage, NeedsNames) {
  const std::vector<std::vector<std::string>> wrong = {
      {"create", ""}, {"load", "db", ""}, {"dump", "db", ""}, {"get", "", "k"}};
  for (const auto& arguments : wrong) {
    const Outcome outcome = run_tool(arguments);
    EXPECT_EQ(outcome.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_NE(outcome.err.find("may not be empty"), std::string::npos) << outcome.err;
  }
}

TEST(Usage, ErrorsAreInJsonIfAsked) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"get", "--json"}, {"bogus", "--json"}, {"--json"}}) {
    EXPECT_EQ(json::parse(run_tool(arguments).err)["error"], "invalid");
  }
}

TEST(Help, ShowsEveryCommandWithAnExample) {
  const std::string help = output_of({"--help"});
  for (const char* command :
       {"create", "get", "put", "del", "exists", "scan", "min", "max", "above", "below", "count",
        "load", "dump", "stats", "check", "repair", "compact", "shell"}) {
    EXPECT_NE(help.find(std::string("\n  ") + command + " "), std::string::npos) << command;
    const std::string own = output_of({command, "--help"});
    EXPECT_NE(own.find(std::string("Examples:\n  ")), std::string::npos) << own;
    EXPECT_NE(own.find(std::string("tidelock ") + command), std::string::npos) << own;
  }
}

TEST(StandardOutput, ThatIsFullIsAnError) {
  TemporaryDirectory directory;
  const std::string db = directory.file("db");
  ASSERT_EQ(run_tool({"create", db}).code, 0);
  ASSERT_EQ(run_tool({"put", db, "a", "1"}).code, 0);
  const Outcome outcome = run_tool({"dump", db, "/dev/full"});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_NE(outcome.err.find("No space left"), std::string::npos);
  for (const std::string& words :
       {"get " + db + " a", "dump " + db, std::string("--help"), std::string("--version")}) {
    for (const std::string output : {">/dev/full", ">&-"}) {
      const std::string log = directory.file("log");
      EXPECT_EQ(run_by_shell(words + " " + output + " 2>" + log), 5) << words << output;
      std::ifstream errors(log);
      const std::string text(std::istreambuf_iterator<char>(errors), {});
      EXPECT_TRUE(text.starts_with("tidelock: io: write standard output: ")) << text;
      EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << "once: " << text;
    }
  }
  EXPECT_EQ(output_of({"check", db}).find("sound: "), 0u) << "a closed one is no file of ours";
}

}  // namespace
}  // namespace tidelock::test
