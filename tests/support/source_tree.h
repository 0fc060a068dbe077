#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// The project's own files, for the tests that read them.
namespace tidelock::test {

struct SourceFile {
  std::filesystem::path path;  // from the project's root
  std::string text;

  [[nodiscard]] std::vector<std::string_view> lines() const {
    std::vector<std::string_view> lines;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      lines.push_back(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }
  [[nodiscard]] bool is_code() const {
    return path.extension() == ".h" || path.extension() == ".cc";
  }
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Every file below the root but for version control, builds and hidden folders other than .ci.
inline std::vector<SourceFile> source_files() {
  namespace fs = std::filesystem;
  const fs::path root = TIDELOCK_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    const std::string name = it->path().filename().string();
    const bool hidden = name.starts_with(".") && name != ".ci";
    if (it->is_directory() && (hidden || name == "build")) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      files.push_back({fs::relative(it->path(), root), read_text(it->path())});
    }
  }
  return files;
}

}  // namespace tidelock::test
