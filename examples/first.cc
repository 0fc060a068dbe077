#include <iostream>

#include "tidelock/db.h"

int main(int argc, char** argv) {
  auto db = tidelock::Db::open(argc > 1 ? argv[1] : "fruit.db",
                               {.mode = tidelock::OpenMode::kCreateIfMissing});
  if (!db) {
    std::cerr << db.error().to_string() << "\n";
    return 1;
  }
  tidelock::Batch batch;
  batch.put("apple", "red");
  batch.put("pear", "green");
  if (const auto status = db->write(batch); !status.ok()) {
    std::cerr << status.to_string() << "\n";
    return 1;
  }
  const auto color = db->get("apple");
  if (color && *color) std::cout << "an apple is " << **color << "\n";
}
