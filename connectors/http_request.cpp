#include "connectors/http_request.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

namespace toolgate {
namespace {

namespace http = boost::beast::http;

bool equals_ignoring_case(std::string_view a, std::string_view lower_case) {
  return std::ranges::equal(a, lower_case, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

std::optional<RequestHeader> header_from(http::field field, std::string_view name) {
  switch (field) {
    case http::field::host:
      return RequestHeader::host;
    case http::field::origin:
      return RequestHeader::origin;
    case http::field::authorization:
      return RequestHeader::authorization;
    case http::field::content_type:
      return RequestHeader::content_type;
    case http::field::content_encoding:
      return RequestHeader::content_encoding;
    case http::field::content_length:
      return RequestHeader::content_length;
    case http::field::transfer_encoding:
      return RequestHeader::transfer_encoding;
    case http::field::accept:
      return RequestHeader::accept;
    case http::field::expect:
      return RequestHeader::expect;
    case http::field::connection:
      return RequestHeader::connection;
    case http::field::unknown:
      break;
    default:
      return std::nullopt;
  }
  if (equals_ignoring_case(name, "mcp-session-id")) return RequestHeader::session_id;
  if (equals_ignoring_case(name, "mcp-method")) return RequestHeader::mirrored_method;
  if (equals_ignoring_case(name, "mcp-name")) return RequestHeader::mirrored_name;
  if (equals_ignoring_case(name, "mcp-protocol-version")) return RequestHeader::protocol_version;
  if (equals_ignoring_case(name, "last-event-id")) return RequestHeader::last_event_id;
  return std::nullopt;
}

bool is_argument_line(std::string_view name) {
  constexpr std::string_view prefix = "mcp-param-";
  return name.size() > prefix.size() && equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Beast's parser, told to remember the headers that matter. It is given a complete head and no
// more, so none of its body states is ever entered.
class HeadParser final : public http::basic_parser<true> {
 public:
  explicit HeadParser(RequestFields& fields) : fields_(fields) {}

 private:
  using text = boost::beast::string_view;
  using error = boost::beast::error_code;

  void on_request_impl(http::verb, text method, text target, int version, error&) override {
    fields_.method.assign(method.data(), method.size());
    fields_.target.assign(target.data(), target.size());
    fields_.version = static_cast<unsigned>(version);
  }
  void on_field_impl(http::field field, text name_text, text value_text, error&) override {
    const std::string_view name(name_text.data(), name_text.size());
    const std::string_view value(value_text.data(), value_text.size());
    if (const auto header = header_from(field, name)) {
      fields_.add(*header, value);
    } else if (field == http::field::unknown && is_argument_line(name)) {
      fields_.arguments.push_back(HeaderField{std::string(name), std::string(value)});
    }
  }
  void on_response_impl(int, text, int, error&) override {}
  void on_header_impl(error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error&) override {}
  std::size_t on_body_impl(text body, error&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, text, error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text body, error&) override { return body.size(); }
  void on_finish_impl(error&) override {}

  RequestFields& fields_;
};

bool has_folded_line(std::string_view head) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos;
       at = head.find('\n', at + 1)) {
    if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return true;
  }
  return false;
}

HttpRefusal malformed(std::string text) {
  return HttpRefusal(400, Reason::invalid_request, std::move(text)).and_close();
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The next element of a list that `separator` divides; takes it off `rest`.
std::string_view next_element(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view element = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return element;
}

// "q=0", "q=0.0", ...: RFC 9110 section 12.4.2, "not acceptable".
bool is_refused_weight(std::string_view parameter) {
  if (parameter.size() < 3 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=') {
    return false;
  }
  return std::ranges::all_of(parameter.substr(2), [](char c) { return c == '0' || c == '.'; });
}

// RFC 9110 section 12.5.1, without the precedence of specific ranges over general ones.
bool accepts(std::string_view accept, std::string_view type, std::string_view family) {
  while (!accept.empty()) {
    std::string_view range = next_element(accept, ',');
    const std::string_view name = next_element(range, ';');
    bool refused = false;
    while (!range.empty()) refused = is_refused_weight(next_element(range, ';')) || refused;
    const bool matches =
        equals_ignoring_case(name, type) || equals_ignoring_case(name, family) || name == "*/*";
    if (matches && !refused) return true;
  }
  return false;
}

bool is_json_type(std::string_view content_type) {
  if (!equals_ignoring_case(next_element(content_type, ';'), "application/json")) return false;
  while (!content_type.empty()) {
    std::string_view parameter = next_element(content_type, ';');
    if (!equals_ignoring_case(next_element(parameter, '='), "charset")) continue;
    const std::string_view charset = trim(parameter);
    if (!equals_ignoring_case(charset, "utf-8") && !equals_ignoring_case(charset, "\"utf-8\"")) {
      return false;
    }
  }
  return true;
}

// A revision's text, of whatever time: visible characters, not too many.
bool is_revision_text(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<HttpRefusal> check_once(const RequestFields& fields) {
  for (const RequestHeader once :
       {RequestHeader::host, RequestHeader::origin, RequestHeader::authorization,
        RequestHeader::content_type, RequestHeader::content_length,
        RequestHeader::transfer_encoding, RequestHeader::expect, RequestHeader::session_id,
        RequestHeader::protocol_version, RequestHeader::last_event_id}) {
    if (fields.counts[static_cast<std::size_t>(once)] > 1) {
      return malformed("a header that may come once came twice");
    }
  }
  for (const RequestHeader mirrored :
       {RequestHeader::mirrored_method, RequestHeader::mirrored_name}) {
    if (fields.counts[static_cast<std::size_t>(mirrored)] > 1) {
      return HttpRefusal(400, Reason::header_mismatch, "Mcp-Method or Mcp-Name came twice")
          .and_close();
    }
  }
  return std::nullopt;
}

std::optional<HttpRefusal> check_shape(const RequestFields& fields, RequestHead& head) {
  if (fields.version != 11) {
    return HttpRefusal(505, Reason::unsupported, "only HTTP/1.1 is spoken here").and_close();
  }
  if (auto twice = check_once(fields)) return twice;
  if (!fields.has(RequestHeader::host)) return malformed("the Host header is missing");
  if (!fields.target.starts_with('/')) {
    return malformed("the request's target must be a path: proxy and tunnel requests are refused");
  }
  if (fields.has(RequestHeader::transfer_encoding)) {
    if (fields.has(RequestHeader::content_length)) {
      return malformed("Content-Length beside Transfer-Encoding");
    }
    if (!equals_ignoring_case(fields.value(RequestHeader::transfer_encoding), "chunked")) {
      return malformed("the only Transfer-Encoding accepted is chunked");
    }
    head.chunked = true;
  }
  if (fields.has(RequestHeader::content_length)) {
    const std::string& digits = fields.value(RequestHeader::content_length);
    const bool plain = !digits.empty() && digits.size() <= 18 &&
                       std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    if (!plain) return malformed("Content-Length must be one decimal number");
    std::from_chars(digits.data(), digits.data() + digits.size(), head.content_length);
  }
  std::string_view options = fields.value(RequestHeader::connection);
  while (!options.empty()) {
    if (equals_ignoring_case(next_element(options, ','), "close")) head.keep_alive = false;
  }
  return std::nullopt;
}

std::optional<HttpRefusal> check_place(const RequestFields& fields, const RequestRules& rules,
                                       RequestHead& head) {
  if (!rules.hosts.accepts_host(fields.value(RequestHeader::host))) {
    return HttpRefusal(
        403, Reason::forbidden,
        "the Host header names another host: use the listen address, or add the host to "
        "the allowed hosts");
  }
  if (fields.has(RequestHeader::origin) &&
      !rules.hosts.accepts_origin(fields.value(RequestHeader::origin))) {
    return HttpRefusal(
        403, Reason::forbidden,
        "requests from this web origin are not accepted: add it to the allowed origins");
  }
  const std::string_view target = fields.target;
  if (target.substr(0, target.find('?')) != "/mcp") {
    return HttpRefusal(404, Reason::invalid_request, "the endpoint is /mcp");
  }
  if (fields.method == "POST") {
    head.method = RequestMethod::post;
  } else if (fields.method == "GET") {
    head.method = RequestMethod::get;
  } else if (fields.method == "DELETE") {
    head.method = RequestMethod::remove;
  } else {
    return HttpRefusal(405, Reason::invalid_request,
                       "the methods of this endpoint are POST, GET, DELETE")
        .with("Allow: POST, GET, DELETE\r\n");
  }
  const auto revision = revision_from(fields.value(RequestHeader::protocol_version));
  if (head.method != RequestMethod::post && revision && is_modern(*revision)) {
    return HttpRefusal(405, Reason::invalid_request,
                       "from revision 2026-07-28 on there is POST alone")
        .with("Allow: POST\r\n");
  }
  return std::nullopt;
}

std::optional<HttpRefusal> check_body(const RequestFields& fields, const RequestRules& rules,
                                      const RequestHead& head) {
  if (head.method != RequestMethod::post) {
    if (head.has_body()) return malformed("GET and DELETE take no body");
    return std::nullopt;
  }
  if (fields.has(RequestHeader::content_encoding)) {
    return HttpRefusal(415, Reason::invalid_request, "Content-Encoding is not accepted");
  }
  if (!is_json_type(fields.value(RequestHeader::content_type))) {
    return HttpRefusal(415, Reason::invalid_request, "Content-Type must be application/json");
  }
  if (!head.chunked && !fields.has(RequestHeader::content_length)) {
    return HttpRefusal(411, Reason::invalid_request, "a POST needs Content-Length").and_close();
  }
  if (head.content_length > rules.body_bytes) {
    return HttpRefusal(413, Reason::too_large,
                       "the message is larger than " + std::to_string(rules.body_bytes) + " bytes")
        .and_close();
  }
  return std::nullopt;
}

std::optional<HttpRefusal> check_wishes(const RequestFields& fields, RequestHead& head) {
  const std::string& accept = fields.value(RequestHeader::accept);
  if (head.method == RequestMethod::post && !accepts(accept, "application/json", "application/*")) {
    return HttpRefusal(406, Reason::invalid_request,
                       "Accept must list both application/json and text/event-stream");
  }
  if (head.method != RequestMethod::remove && !accepts(accept, "text/event-stream", "text/*")) {
    return HttpRefusal(406, Reason::invalid_request,
                       head.method == RequestMethod::get
                           ? "Accept must list text/event-stream"
                           : "Accept must list both application/json and text/event-stream");
  }
  if (fields.has(RequestHeader::expect)) {
    if (!equals_ignoring_case(fields.value(RequestHeader::expect), "100-continue")) {
      return HttpRefusal(417, Reason::unsupported, "the only expectation met is 100-continue")
          .and_close();
    }
    head.expects_continue = true;
  }
  if (fields.has(RequestHeader::protocol_version)) {
    head.revision_text = fields.value(RequestHeader::protocol_version);
    head.revision = revision_from(*head.revision_text);
    const bool may_be_modern =
        head.method == RequestMethod::post && is_revision_text(*head.revision_text);
    if (!head.revision && !may_be_modern) return unknown_revision();
  }
  return std::nullopt;
}

// RFC 6750 section 2.1: "Bearer" 1*SP b64token.
void read_credentials(std::string_view authorization, RequestHead& head) {
  head.credentials = RequestCredentials::unusable;
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return;
  if (!equals_ignoring_case(authorization.substr(0, space), "bearer")) return;
  const std::string_view token = trim(authorization.substr(space));
  const bool plain =
      !token.empty() && token.size() <= 512 && std::ranges::all_of(token, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-._~+/=").contains(c);
      });
  if (!plain) return;
  head.credentials = RequestCredentials::bearer;
  head.bearer = token;
}

}  // namespace

void RequestFields::clear() {
  method.clear();
  target.clear();
  version = 0;
  for (std::size_t i = 0; i < header_count; ++i) {
    if (counts[i] != 0) values[i].clear();
    counts[i] = 0;
  }
  arguments.clear();
}

void RequestFields::add(RequestHeader header, std::string_view value) {
  const auto at = static_cast<std::size_t>(header);
  if (counts[at]++ != 0) values[at] += ", ";
  values[at] += value;
}

std::size_t head_size(std::string_view buffer, std::size_t searched) {
  const std::size_t found = buffer.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
  return found == std::string_view::npos ? 0 : found + 4;
}

std::optional<HttpRefusal> parse_head(std::string_view head, std::size_t header_bytes,
                                      RequestFields& fields) {
  fields.clear();
  if (head.size() > header_bytes) {
    return HttpRefusal(431, Reason::too_large,
                       "the header is larger than " + std::to_string(header_bytes) + " bytes")
        .and_close();
  }
  if (has_folded_line(head)) return malformed("folded header lines are not accepted");
  HeadParser parser(fields);
  parser.header_limit(static_cast<std::uint32_t>(header_bytes + 1));
  parser.body_limit(boost::none);
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  const std::string_view first_line = head.substr(0, head.find("\r\n"));
  if (error == http::error::bad_version && first_line.size() > 8 &&
      first_line.substr(first_line.size() - 8).starts_with("HTTP/")) {
    return HttpRefusal(505, Reason::unsupported, "only HTTP/1.1 is spoken here").and_close();
  }
  if (error || used != head.size() || !parser.is_header_done()) {
    return malformed("the request's header is malformed");
  }
  if (fields.arguments.size() > most_argument_lines) {
    return HttpRefusal(431, Reason::too_large, "the request has too many Mcp-Param lines")
        .and_close();
  }
  return std::nullopt;
}

std::expected<RequestHead, HttpRefusal> judge_request(const RequestFields& fields,
                                                      const RequestRules& rules) {
  RequestHead head;
  if (auto refusal = check_shape(fields, head)) return std::unexpected(std::move(*refusal));
  auto refusal = check_place(fields, rules, head);
  if (!refusal) refusal = check_body(fields, rules, head);
  if (!refusal) refusal = check_wishes(fields, head);
  if (refusal) {
    // Where it is not certain that the body comes, or where it ends, nothing after it is read.
    const bool certain = !head.chunked && !fields.has(RequestHeader::expect) && head.keep_alive;
    refusal->close = refusal->close || !certain;
    refusal->body_bytes = head.content_length;
    return std::unexpected(std::move(*refusal));
  }
  if (fields.has(RequestHeader::authorization)) {
    read_credentials(fields.value(RequestHeader::authorization), head);
  }
  if (fields.has(RequestHeader::session_id))
    head.session_id = fields.value(RequestHeader::session_id);
  if (fields.has(RequestHeader::last_event_id)) {
    head.last_event_id = fields.value(RequestHeader::last_event_id);
  }
  if (fields.has(RequestHeader::mirrored_method)) {
    head.mirrored_method = fields.value(RequestHeader::mirrored_method);
  }
  if (fields.has(RequestHeader::mirrored_name)) {
    head.mirrored_name = fields.value(RequestHeader::mirrored_name);
  }
  return head;
}

HttpRefusal unknown_revision() {
  return HttpRefusal(400, Reason::invalid_request,
                     "MCP-Protocol-Version is none that is spoken here: supported are 2024-11-05, "
                     "2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28");
}

}  // namespace toolgate
