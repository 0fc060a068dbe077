#include "cli/json_bytes.h"

namespace tidelock::cli {

void set_bytes(Json& object, const std::string& name, std::string_view bytes, ByteFormat format) {
  if (format == ByteFormat::kHex) {
    object[name + "_hex"] = to_hex(bytes);
  } else if (format == ByteFormat::kBase64 || !is_utf8(bytes)) {
    object[name + "_base64"] = to_base64(bytes);
  } else {
    object[name] = bytes;
  }
}

}  // namespace tidelock::cli
