#include "agent/generate_options.h"

#include "agent/option_kinds.h"
#include "tidelock/options.h"

namespace tidelock::agent {
namespace {

constexpr const char* kGenerateExamples = R"(Examples:
  tidelock-agent generate 1000000 --output users.tsv && tidelock load /tmp/db users.tsv
                                                      a file of entries; a database of them
  tidelock-agent generate 100000 --value-size 500 | tidelock load /tmp/db - --format tsv
                                                      the same without a file
  tidelock-agent generate 1000 --key-size 32 --seed 7 longer keys, other values)";

}  // namespace

GenerateCommand::GenerateCommand(CLI::App& app)
    : command_(*app.add_subcommand(
          "generate",
          "Writes an example data set: entries of users, key, tab and value a line, in the order\n"
          "of the keys, as tidelock load takes them. Equal options give equal bytes.")) {
  command_.footer(kGenerateExamples);
  command_.add_option("N", settings_.entries, "How many entries")->type_name("")->required();
  add_number(command_, "--key-size", settings_.key_size,
             "Bytes of a key, which is user:NUMBER:FIELD; 0: with six digits, or as many as it "
             "takes",
             std::size_t{0}, kKeySizeMax);
  command_
      .add_option("--value-size", value_size_,
                  "Bytes of a value: N, uniform:N-M, zipfian:N-M, or file:PATH; by cutting or "
                  "adding words [as long as what is in it]")
      ->type_name("SIZES");
  add_number(command_, "--seed", settings_.seed, "Of all choices", std::uint64_t{0});
  command_.add_option("--output", settings_.output, "- is standard output")
      ->type_name("FILE")
      ->capture_default_str();
}

std::string GenerateCommand::complete() {
  const std::size_t least = least_key_size(settings_.entries);
  if (settings_.key_size != 0 && settings_.key_size < least) {
    return "--key-size is at least " + std::to_string(least) + " for so many entries";
  }
  if (value_size_.empty()) return {};
  Result<Sizes> sizes = Sizes::parse(value_size_, 0, kValueSizeMax);
  if (!sizes) return "--value-size: " + sizes.error().message();
  settings_.value_sizes = *std::move(sizes);
  return {};
}

}  // namespace tidelock::agent
