#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/encoding.h"

namespace tidelock::cli {

using Json = nlohmann::ordered_json;  // members keep the order in which they were set

// Sets one member of `object` to `bytes`. JSON strings are Unicode, so the member's name tells how
// to read it: `name` (text), `name_hex`, `name_base64`. Text that is not UTF-8 becomes base64.
void set_bytes(Json& object, const std::string& name, std::string_view bytes,
               ByteFormat format = ByteFormat::kText);

}  // namespace tidelock::cli
