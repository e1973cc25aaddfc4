// Raw bytes through the head's parser, its judge and the body's reader. What passed is held to what
// the types promise; and cutting the bytes elsewhere must not change the outcome.

#include "connectors/http_request.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "connectors/http_request_body.hpp"

namespace {

using namespace toolgate;

void check_body(const RequestHead& head, std::string_view rest) {
  RequestBody whole;
  whole.begin(head, 4'096);
  const std::size_t used = whole.take(rest);
  RequestBody pieces;
  pieces.begin(head, 4'096);
  std::size_t at = 0;
  while (at < rest.size() && pieces.state() == RequestBody::State::more) {
    at += pieces.take(rest.substr(at, 1 + at % 7));
  }
  assert(at == used && pieces.state() == whole.state() && pieces.size() == whole.size());
  assert(whole.size() <= 4'096 && used <= rest.size());
  if (whole.state() == RequestBody::State::complete && !head.chunked) {
    assert(whole.size() == head.content_length);
  }
}

// What repeats fields of the body.
void check_mirrors(const RequestFields& fields, const RequestHead& head) {
  assert(fields.arguments.size() <= most_argument_lines);
  for (const HeaderField& line : fields.arguments) {
    assert(line.name.size() > argument_header_prefix.size());
    assert(std::ranges::none_of(line.value, [](char c) { return c == '\r' || c == '\n'; }));
  }
  assert(!head.revision || head.revision_text);
  assert(!head.revision_text ||
         (!head.revision_text->empty() && head.revision_text->size() <= 64 &&
          std::ranges::all_of(*head.revision_text, [](char c) { return c > ' ' && c <= '~'; })));
  assert(head.method == RequestMethod::post || !head.names_modern_revision());
  assert(head.method == RequestMethod::post || !head.revision_text || head.revision);
  for (const RequestHeader once : {RequestHeader::mirrored_method, RequestHeader::mirrored_name}) {
    assert(fields.counts[static_cast<std::size_t>(once)] <= 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const HostCheck hosts([] {
    HostRules rules;
    rules.listen_name = "127.0.0.1";
    rules.port = 8808;
    rules.hosts = {"gateway.example"};
    rules.origins = {"https://app.example"};
    return rules;
  }());
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t length = head_size(bytes, 0);
  RequestFields fields;
  const auto unreadable = parse_head(length == 0 ? bytes : bytes.substr(0, length), 8'192, fields);
  if (unreadable) {
    assert(unreadable->close && unreadable->status >= 400);
    return 0;
  }
  const auto head = judge_request(fields, RequestRules{hosts, 4'096});
  if (!head) {
    assert(head.error().status >= 400 && head.error().status < 600);
    return 0;
  }
  assert(length != 0 && fields.version == 11);
  assert(hosts.accepts_host(fields.value(RequestHeader::host)));
  assert(!fields.has(RequestHeader::origin) ||
         hosts.accepts_origin(fields.value(RequestHeader::origin)));
  assert(!(head->chunked && fields.has(RequestHeader::content_length)));
  assert(head->method == RequestMethod::post || !head->has_body());
  assert((head->credentials == RequestCredentials::bearer) == !head->bearer.empty());
  assert(head->content_length <= 4'096);
  check_mirrors(fields, *head);
  check_body(*head, bytes.substr(length));
  return 0;
}
