#include "connectors/http_response.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

namespace toolgate {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

Refusal bad_answer(std::string_view why) {
  return Refusal(Reason::bad_answer, "the server's HTTP response " + std::string(why));
}

Refusal body_too_large(std::size_t limit) {
  return Refusal(Reason::too_large, "the server's answer is larger than " + std::to_string(limit) +
                                        " bytes (result_bytes)");
}

// A declared length is not believed further than this before the bytes are there.
constexpr std::size_t reserved_bytes = std::size_t{1} << 20;

// Fields that change what the message means, so that two of them are one too many.
constexpr std::string_view single_fields[] = {"content-length", "transfer-encoding",
                                              "content-type",   "content-encoding",
                                              "mcp-session-id", "location"};

}  // namespace

// Beast's parser for the head alone; it is never shown a byte of the body.
class HttpResponseParser final : public http::basic_parser<false> {
 public:
  explicit HttpResponseParser(HttpHead& head) : head_(head) {
    header_limit(0xFFFFFFFF);  // the reader has bounded the head before
    body_limit(boost::none);   // the reader judges the length
  }
  bool is_http_1_1 = false;

 private:
  using Text = boost::beast::string_view;

  void on_request_impl(http::verb, Text, Text, int, error_code&) override {}
  void on_response_impl(int status, Text, int version, error_code&) override {
    head_.status_ = static_cast<unsigned>(status);
    is_http_1_1 = version == 11;
  }
  void on_field_impl(http::field, Text name, Text value, error_code&) override {
    HttpHead::Field field{head_.text_.size(), head_.text_.size() + name.size(), 0};
    head_.text_.append(name.data(), name.size()).append(value.data(), value.size());
    field.end = head_.text_.size();
    head_.fields_.push_back(field);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(Text bytes, error_code&) override { return bytes.size(); }
  void on_chunk_header_impl(std::uint64_t, Text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, error_code&) override {
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}

  HttpHead& head_;
};

std::optional<std::string_view> HttpHead::find(std::string_view name) const {
  std::string_view text = text_;
  for (const Field& field : fields_) {
    if (same_name(text.substr(field.name, field.value - field.name), name)) {
      return text.substr(field.value, field.end - field.value);
    }
  }
  return std::nullopt;
}

std::size_t HttpHead::count(std::string_view name) const {
  std::string_view text = text_;
  return static_cast<std::size_t>(std::ranges::count_if(fields_, [&](const Field& field) {
    return same_name(text.substr(field.name, field.value - field.name), name);
  }));
}

std::string HttpHead::media_type() const {
  auto value = find("content-type").value_or("");
  value = value.substr(0, value.find(';'));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  std::string out(value);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

HttpResponseReader::HttpResponseReader(const HttpResponseLimits& limits) : limits_(limits) {}
HttpResponseReader::~HttpResponseReader() = default;

bool HttpResponseReader::keeps_alive() const {
  return finished_ && parser_->is_http_1_1 && parser_->keep_alive();
}

void HttpResponseReader::start() {
  head_ = HttpHead();
  scanned_ = 0;
  parser_ = std::make_unique<HttpResponseParser>(head_);
}

Result<std::size_t> HttpResponseReader::put(std::string_view bytes, std::string& body) {
  std::size_t used = 0;
  while (!has_head_) {
    auto head = put_head(bytes.substr(used));
    if (!head) return head.refusal();
    if (*head == 0) return used;
    used += *head;
    if (head_.status() / 100 == 1) continue;
    has_head_ = true;
    frame_body();
  }
  if (finished_ || used == bytes.size()) return used;
  auto rest = put_body(bytes.substr(used), body);
  if (!rest) return rest.refusal();
  return used + *rest;
}

// Takes one whole head or nothing. Beast would read field by field, and so could be fed a head
// without end.
Result<std::size_t> HttpResponseReader::put_head(std::string_view bytes) {
  if (bytes.empty()) return std::size_t{0};
  if (scanned_ == 0) start();
  std::size_t end = 0;
  for (std::size_t i = scanned_; i < bytes.size() && end == 0; ++i) {
    char c = bytes[i];
    bool after_cr = i > 0 && bytes[i - 1] == '\r';
    if (c == '\n' && !after_cr) return bad_answer("has a line that does not end in CR LF");
    if (after_cr && c != '\n') return bad_answer("has a CR without its LF");
    if (c == '\0') return bad_answer("has a NUL in its head");
    bool starts_line = i > 0 && bytes[i - 1] == '\n';
    if (starts_line && (c == ' ' || c == '\t')) return bad_answer("has a folded header line");
    if (c == '\n' && i >= 3 && bytes[i - 2] == '\n') end = i + 1;
  }
  scanned_ = std::min(bytes.size(), limits_.head_bytes);
  if (head_total_ + (end == 0 ? bytes.size() : end) > limits_.head_bytes) {
    return Refusal(Reason::too_large, "the server's HTTP response has a head of more than " +
                                          std::to_string(limits_.head_bytes) + " bytes");
  }
  if (end == 0) return std::size_t{0};
  error_code error;
  std::size_t used = parser_->put(boost::asio::const_buffer(bytes.data(), end), error);
  if (error || used != end || !parser_->is_header_done()) return bad_answer("has a malformed head");
  auto checked = check_head();
  if (!checked) return checked.refusal();
  head_total_ += end;
  scanned_ = 0;
  return end;
}

Status HttpResponseReader::check_head() const {
  for (std::string_view name : single_fields) {
    if (head_.count(name) > 1) return bad_answer("repeats the header " + std::string(name));
  }
  auto coding = head_.find("transfer-encoding");
  if (coding && !same_name(*coding, "chunked")) return bad_answer("has an unknown transfer coding");
  if (coding && !parser_->is_http_1_1) return bad_answer("is HTTP/1.0 with a transfer coding");
  auto length = head_.find("content-length");
  if (coding && length) return bad_answer("has both Content-Length and Transfer-Encoding");
  if (length && length->find_first_not_of("0123456789") != std::string_view::npos) {
    return bad_answer("has a Content-Length that is no number");
  }
  auto announced = parser_->content_length();
  if (announced && *announced > limits_.body_bytes && !head_.is_event_stream()) {
    return body_too_large(limits_.body_bytes);
  }
  auto content = head_.find("content-encoding");
  if (content && !same_name(*content, "identity")) {
    return bad_answer("is compressed, although only `identity` was asked for");
  }
  if (head_.status() == 101) return bad_answer("switches protocols, which nobody asked for");
  if (head_.status() < 100 || head_.status() > 599) return bad_answer("has an impossible status");
  return done();
}

// RFC 9112 section 6.3, after check_head() and Beast have refused what is ambiguous.
void HttpResponseReader::frame_body() {
  auto length = parser_->content_length();
  if (head_.status() == 204 || head_.status() == 304 || (length && *length == 0)) {
    finished_ = true;
  } else if (parser_->chunked()) {
    framing_ = Framing::chunks;
  } else if (length) {
    framing_ = Framing::length;
    left_ = *length;
  } else {
    framing_ = Framing::connection;
  }
}

Result<std::size_t> HttpResponseReader::put_body(std::string_view bytes, std::string& body) {
  std::size_t before = body.size();
  std::size_t used = bytes.size();
  if (framing_ == Framing::chunks) {
    used = chunks_.take(bytes, body);
    if (chunks_.state() == ChunkedBody::State::malformed) {
      return bad_answer("has a malformed chunked body");
    }
    finished_ = chunks_.state() == ChunkedBody::State::complete;
  } else {
    if (framing_ == Framing::length) used = std::min<std::uint64_t>(used, left_);
    if (taken_ == 0 && left_ < reserved_bytes) body.reserve(before + left_);
    body.append(bytes.substr(0, used));
    left_ -= framing_ == Framing::length ? used : 0;
    finished_ = framing_ == Framing::length && left_ == 0;
  }
  taken_ += body.size() - before;
  if (taken_ > limits_.body_bytes && !head_.is_event_stream())
    return body_too_large(limits_.body_bytes);
  return used;
}

Status HttpResponseReader::put_end() {
  if (finished_) return done();
  if (!has_head_ || framing_ != Framing::connection) {
    return Refusal(Reason::unavailable,
                   "the server closed the connection in the middle of its answer");
  }
  finished_ = true;
  return done();
}

}  // namespace toolgate
