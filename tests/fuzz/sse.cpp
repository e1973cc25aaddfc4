// Any split of an event stream gives the same events, and no event is larger than its limit.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "connectors/sse_reader.hpp"

namespace {

constexpr std::size_t event_bytes = 64;

struct Outcome {
  std::vector<toolgate::SseEvent> events;
  std::string last_event_id;
  long long retry = -1;
  bool refused = false;
};

void require(bool holds) {
  if (!holds) std::abort();
}

// `cuts` says where to cut: the length of each piece, over and over; nothing means one piece.
Outcome read(std::string_view text, std::string_view cuts) {
  toolgate::SseReader reader(event_bytes);
  Outcome out;
  for (std::size_t at = 0, cut = 0; at < text.size() && !out.refused; ++cut) {
    std::size_t length =
        cuts.empty() ? text.size()
                     : std::size_t{1} + static_cast<unsigned char>(cuts[cut % cuts.size()]) % 16;
    auto put = reader.put(text.substr(at, length), out.events);
    out.refused = !put;
    at += length;
  }
  out.last_event_id = reader.last_event_id();
  out.retry = reader.retry() ? reader.retry()->count() : -1;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.size() < 4) return 0;
  std::string_view text = input.substr(4);
  Outcome whole = read(text, {});
  Outcome pieces = read(text, input.substr(0, 4));
  require(whole.refused == pieces.refused);
  require(whole.events.size() == pieces.events.size());
  for (std::size_t i = 0; i < whole.events.size(); ++i) {
    require(whole.events[i].type == pieces.events[i].type);
    require(whole.events[i].data == pieces.events[i].data);
    require(whole.events[i].data.size() <= event_bytes);
    require(whole.events[i].data.find('\r') == std::string_view::npos);
  }
  require(whole.last_event_id == pieces.last_event_id && whole.retry == pieces.retry);
  require(whole.last_event_id.find('\0') == std::string_view::npos);
  return 0;
}
