// All targets as one libFuzzer program; TIDELOCK_FUZZ_TARGET names the one that is meant.

#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.h"
#include "support/temporary_directory.h"

namespace {

using namespace tidelock;

const fuzz::Target& chosen() {
  const char* const name = std::getenv("TIDELOCK_FUZZ_TARGET");
  const fuzz::Target* const target = fuzz::find_target(name == nullptr ? "" : name);
  if (target != nullptr) return *target;
  std::fprintf(stderr, "Set TIDELOCK_FUZZ_TARGET to one of:");
  for (const fuzz::Target& known : fuzz::targets()) {
    std::fprintf(stderr, " %s", std::string(known.name).c_str());
  }
  std::fprintf(stderr, "\n");
  std::_Exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Target& target = chosen();
  static const test::TemporaryDirectory directory(test::Where::kMemory);
  fuzz::scratch = directory.path();
  fuzz::run(target, std::as_bytes(std::span(data, size)));
  return 0;
}
