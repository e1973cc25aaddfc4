// Any split of a response gives the same head and body, limits hold, and nothing is taken past its
// end.

#include "connectors/http_response.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct Outcome {
  unsigned status = 0;
  std::string body;
  std::size_t used = 0;
  bool refused = false;
  bool finished = false;
  bool keeps_alive = false;
};

void require(bool holds) {
  if (!holds) std::abort();
}

// Offers `step` more bytes each time, behind what was not taken, as a connection does.
Outcome read(std::string_view text, std::size_t step) {
  toolgate::HttpResponseLimits limits;
  limits.head_bytes = 512;
  limits.body_bytes = 256;
  toolgate::HttpResponseReader reader(limits);
  Outcome out;
  std::size_t offered = 0;
  while (offered < text.size() && !out.refused && !reader.is_finished()) {
    offered = std::min(text.size(), offered + step);
    for (bool progress = true; progress && out.used < offered && !reader.is_finished();) {
      auto used = reader.put(text.substr(out.used, offered - out.used), out.body);
      out.refused = !used;
      if (out.refused) break;
      require(*used <= offered - out.used);
      out.used += *used;
      progress = *used > 0;
    }
  }
  if (!out.refused && !reader.is_finished()) out.refused = !reader.put_end();
  out.finished = reader.is_finished();
  if (out.finished) out.status = reader.head().status();
  out.keeps_alive = reader.keeps_alive();
  require(out.refused || !out.finished || reader.head().is_event_stream() ||
          out.body.size() <= limits.body_bytes);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = read(text, std::max<std::size_t>(1, text.size()));
  Outcome pieces = read(text, std::size_t{1} + data[0] % 32);
  require(whole.refused == pieces.refused);
  if (whole.refused) return 0;
  require(whole.finished && pieces.finished);
  require(whole.status == pieces.status && whole.body == pieces.body);
  require(whole.used == pieces.used && whole.keeps_alive == pieces.keeps_alive);
  return 0;
}
