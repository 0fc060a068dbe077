#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <span>

#include "agent/workload/key_space.h"
#include "agent/workload/mix.h"
#include "agent/workload/sizes.h"
#include "agent/workload/trace.h"
#include "agent/workload/ycsb.h"
#include "support/temporary_directory.h"

namespace tidelock::agent {
namespace {

TEST(Mix, ChoosesByWeight) {
  const ActionMix mix = ActionMix::parse("get=3,update=1").value();
  EXPECT_EQ(mix.to_string(), "get=75,put=25");
  Random random(1);
  int puts = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Action action = mix.choose(random);
    ASSERT_TRUE(action == Action::kGet || action == Action::kPut);
    puts += action == Action::kPut;
  }
  EXPECT_NEAR(puts, 25'000, 700);
}

TEST(Mix, KnowsEveryAction) {
  for (const std::string_view name : kActionNames) {
    const Result<ActionMix> mix = ActionMix::parse(std::string(name) + "=1");
    ASSERT_TRUE(mix) << name;
    Random random(1);
    EXPECT_EQ(name_of(mix->choose(random)), name);
  }
}

TEST(Mix, RefusesWhatIsNone) {
  for (const char* text : {"", "get", "get=", "get=x", "get=-1", "fly=1", "get=0", "get=1,"}) {
    EXPECT_EQ(ActionMix::parse(text).status().code(), StatusCode::kInvalid) << text;
  }
}

TEST(SizesOfValues, LieWithinTheirBounds) {
  Random random(1);
  for (const char* text : {"uniform:30-40", "zipfian:30-40"}) {
    const Sizes sizes = Sizes::parse(text, 24, 100).value();
    EXPECT_EQ(sizes.text(), text);
    std::map<std::size_t, int> counts;
    for (int i = 0; i < 10'000; ++i) ++counts[sizes.next(random)];
    EXPECT_EQ(counts.begin()->first, 30u);
    EXPECT_EQ(counts.rbegin()->first, 40u);
    const bool skewed = counts[30] > 2 * counts[40];
    EXPECT_EQ(skewed, std::string_view(text).starts_with("zipfian"));
  }
}

TEST(SizesOfValues, ComeFromAFileByWeight) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory.file("sizes")) << "100 9\n\n1000\n";
  const Sizes sizes = Sizes::parse("file:" + directory.file("sizes"), 24, 1'000).value();
  Random random(1);
  int large = 0;
  for (int i = 0; i < 10'000; ++i) large += sizes.next(random) == 1'000;
  EXPECT_NEAR(large, 1'000, 200);
  EXPECT_EQ(Sizes::parse("file:" + directory.file("none"), 24, 1'000).status().code(),
            StatusCode::kNotFound);
}

TEST(SizesOfValues, AreSumsOfSizesThatAreDrawnEach) {
  const Sizes sizes = Sizes::sum(Sizes::uniform(0, 100), 100, 24);
  Random random(1);
  for (int i = 0; i < 100; ++i) EXPECT_NEAR(static_cast<double>(sizes.next(random)), 5'000, 1'500);
  EXPECT_EQ(Sizes::sum(Sizes::fixed(1), 2, 24).next(random), 24u);
}

TEST(SizesOfValues, AreRefusedOutsideOfTheBounds) {
  for (const char* text : {"23", "101", "uniform:20-50", "uniform:50-40", "x", "round:1-2", ""}) {
    EXPECT_EQ(Sizes::parse(text, 24, 100).status().code(), StatusCode::kInvalid) << text;
  }
}

TEST(TraceFile, IsReadAsItWasWritten) {
  const test::TemporaryDirectory directory;
  const std::vector<std::string> names{"a\tb", "c\\\n", ""};
  std::vector<TraceLog> logs;
  for (int i = 0; i < 2; ++i) logs.push_back(TraceLog::create(directory.path()).value());
  const TraceEntry put{
      .at_ns = 1'500, .client = 1, .key = 0, .amount = 100, .action = Action::kPut};
  const TraceEntry scan{
      .at_ns = 1'000, .client = 0, .key = 1, .amount = 7, .action = Action::kScanBack};
  const TraceEntry get{.at_ns = 2'000, .client = 0, .key = 2, .amount = 0, .action = Action::kGet};
  const std::vector<TraceEntry> batch{
      {.at_ns = 3'000, .amount = 2, .action = Action::kBatch, .durable = true},
      {.at_ns = 3'000, .key = 2, .amount = 50, .action = Action::kPut, .step = true},
      {.at_ns = 3'000, .key = 1, .action = Action::kErase, .step = true}};
  ASSERT_TRUE(logs[1].add({&put, 1}).ok());
  ASSERT_TRUE(logs[0].add({&scan, 1}).ok());
  ASSERT_TRUE(logs[0].add({&get, 1}).ok());
  ASSERT_TRUE(logs[0].add(batch).ok());
  {
    std::ofstream file(directory.file("trace"));
    write_trace(file, logs, KeySpace::from_names(names));
  }
  const Trace trace = Trace::read(directory.file("trace")).value();
  ASSERT_EQ(trace.clients.size(), 2u);
  ASSERT_EQ(trace.clients[0].size(), 3u);
  EXPECT_EQ(trace.clients[0][0].at_ns, 1'000u);
  EXPECT_EQ(trace.clients[0][0].action, Action::kScanBack);
  EXPECT_EQ(trace.clients[0][0].amount, 7u);
  EXPECT_EQ(trace.keys[trace.clients[0][0].key], names[1]);
  EXPECT_EQ(trace.keys[trace.clients[0][1].key], names[2]);
  EXPECT_EQ(trace.keys[trace.clients[1][0].key], names[0]);
  EXPECT_TRUE(trace.clients[0].steps(0).empty());
  EXPECT_TRUE(trace.clients[0][2].durable);
  const std::span<const TraceEntry> steps = trace.clients[0].steps(2);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(trace.keys[steps[0].key], names[2]);
  EXPECT_EQ(steps[0].amount, 50u);
  EXPECT_EQ(steps[1].action, Action::kErase);
  EXPECT_EQ(trace.value_sizes()[steps[0].key], 50u);
  EXPECT_EQ(trace.value_sizes()[steps[1].key], 75u) << "the average";
}

TEST(TraceFile, IsRefusedByTheLineThatIsWrong) {
  const test::TemporaryDirectory directory;
  for (const char* line :
       {"0.1\t0\tget\tk", "x\t0\tget\tk\t0", "0.1\t0\tfly\tk\t0", "0.1\t99999\tget\tk\t0",
        "0.1\t0\tget\tk\t-1", "0.1\t0\tbatch\t-\t256", "0.1\t0\tbatch\t-\t0",
        "0.1\t0\tput\tk\t2000000000", "0.1\t0\t+put\tk\t30", "0.1\t0\tput\tk\t30\tperhaps"}) {
    std::ofstream(directory.file("trace")) << "# a comment\n" << line << "\n";
    const Result<Trace> trace = Trace::read(directory.file("trace"));
    EXPECT_EQ(trace.status().code(), StatusCode::kInvalid) << line;
    EXPECT_NE(trace.status().message().find("line 2"), std::string::npos);
  }
  EXPECT_EQ(Trace::read(directory.file("none")).status().code(), StatusCode::kNotFound);
}

TEST(TraceFile, IsRefusedIfStepsAreMissing) {
  const test::TemporaryDirectory directory;
  for (const char* rest :
       {"", "0.1\t1\tget\tk\t0\n", "0.1\t0\t+get\tk\t0\n", "0.1\t0\tget\tk\t0\n"}) {
    std::ofstream(directory.file("trace")) << "0.1\t0\tbatch\t-\t2\n0.1\t0\t+put\tk\t30\n" << rest;
    EXPECT_EQ(Trace::read(directory.file("trace")).status().code(), StatusCode::kInvalid) << rest;
  }
}

TEST(YcsbKeys, AreNamedAsYcsbNamesThem) {
  std::string buffer;
  EXPECT_EQ(KeySpace::generated(1, KeyNames::kYcsbHashed).at(0, buffer), "user6284781860667377211");
  EXPECT_EQ(KeySpace::generated(43, KeyNames::kYcsbOrdered).at(42, buffer), "user42");
  EXPECT_EQ(KeySpace::generated(43, KeyNames::kYcsbOrdered, 5).at(42, buffer), "user00042");
}

TEST(YcsbKeys, AreSortedByTheirNames) {
  const KeySpace keys = KeySpace::generated(100, KeyNames::kYcsbHashed);
  std::string last, buffer;
  for (const std::uint32_t key : keys.in_byte_order()) {
    const std::string name(keys.at(key, buffer));
    EXPECT_LT(last, name);
    last = name;
  }
}

TEST(Ycsb, KnowsItsSixWorkloads) {
  const std::pair<const char*, const char*> mixes[] = {
      {"a", "get=50,put=50"},   {"b", "get=95,put=5"},     {"c", "get=100"},
      {"d", "get=95,insert=5"}, {"e", "scan=95,insert=5"}, {"f", "get=50,read-modify-write=50"}};
  for (const auto& [name, mix] : mixes) {
    const YcsbRun run = understand(ycsb_workload(name).value()).value();
    EXPECT_EQ(run.workload.mix.to_string(), mix);
    EXPECT_EQ(run.workload.values.sizes.text(), "1000");
    EXPECT_EQ(run.workload.key_count, 1'000u);
    const KeyOrder order = std::string_view(name) == "d" ? KeyOrder::kLatest : KeyOrder::kScrambled;
    EXPECT_EQ(run.workload.keys.order, order);
    EXPECT_TRUE(run.unknown.empty());
  }
  EXPECT_FALSE(ycsb_workload("g").has_value());
}

TEST(Ycsb, ReadsPropertiesAsTheyAreWritten) {
  Properties properties;
  ASSERT_TRUE(read_properties("# comment\n\n recordcount 50\\\r\n  00 \r\nfieldcount: 4\n"
                              "! more\nworkload=site.ycsb.workloads.CoreWorkload\n"
                              "insertorder=ordered\ntarget=100\nthreadcount=3\n"
                              "maxexecutiontime=7\noperationcount=9\nmeasurementtype=histogram\n"
                              "fieldlengthdistribution=uniform\nminfieldlength=10",
                              properties)
                  .ok());
  const YcsbRun run = understand(properties).value();
  EXPECT_EQ(run.workload.key_count, 5'000u);
  EXPECT_EQ(run.workload.values.sizes.text(), "4*uniform:10-100");
  EXPECT_EQ(run.workload.values.sizes.largest(), 400u);
  EXPECT_EQ(run.workload.key_names, KeyNames::kYcsbOrdered);
  EXPECT_EQ(run.rate, 100.0);
  EXPECT_EQ(run.threads, 3u);
  EXPECT_EQ(run.seconds, 7.0);
  EXPECT_EQ(run.operations, 9u);
  EXPECT_EQ(run.unknown, std::vector<std::string>{"measurementtype"});
}

TEST(PropertyFile, HasEscapes) {
  Properties properties;
  ASSERT_TRUE(read_properties("a\\:b\\=c\\ d = x\\ty\\\\\n"
                              "\\u0041\\u00e9\\u20AC:\\q\\u003d\\:",
                              properties)
                  .ok());
  EXPECT_EQ(properties, (Properties{{"a:b=c d", "x\ty\\"}, {"A\u00e9\u20ac", "q=:"}}));
  properties.clear();
  ASSERT_TRUE(read_properties("a=x\\ \nb=2 \r\n\\\n#c\\\r\n  d : \\ e \\\n", properties).ok());
  EXPECT_EQ(properties, (Properties{{"a", "x "}, {"b", "2"}, {"#cd", " e"}}));
  for (const char* text : {"a=\\u12", "a=\\u12x4", "a=\\ud83d\\ude00", "\\u=1", "a\\=1", "=1"}) {
    EXPECT_EQ(read_properties(text, properties).code(), StatusCode::kInvalid) << text;
  }
}

TEST(Ycsb, NamesThePropertyThatIsWrong) {
  const std::pair<const char*, const char*> wrong[] = {
      {"recordcount=many", "recordcount"},
      {"requestdistribution=odd", "requestdistribution"},
      {"workload=site.ycsb.workloads.RestWorkload", "workload"},
      {"readproportion=0\nupdateproportion=0", "readproportion"},
      {"minscanlength=5\nmaxscanlength=4", "minscanlength"}};
  for (const auto& [text, name] : wrong) {
    Properties properties;
    ASSERT_TRUE(read_properties(text, properties).ok());
    const Result<YcsbRun> run = understand(properties);
    ASSERT_FALSE(run) << text;
    EXPECT_NE(run.error().message().find(name), std::string::npos) << run.error().message();
  }
  Properties properties;
  EXPECT_EQ(read_properties("recordcount", properties).code(), StatusCode::kInvalid);
}

}  // namespace
}  // namespace tidelock::agent
