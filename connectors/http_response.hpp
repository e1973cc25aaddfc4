#pragma once
// One HTTP/1.1 response, read strictly as it comes in (RFC 9110, RFC 9112). Beast parses; what
// Beast lets pass and two readers could understand differently is refused here: line folding, bare
// CR or LF, both framings at once, a repeated field that must be single, a transfer coding other
// than `chunked`, a content coding other than `identity`. Informational responses (100, 102, 103)
// are skipped, a bounded number.
//
// No I/O; tests/fuzz/http_response.cpp drives it with arbitrary bytes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/chunked_body.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

class HttpResponseParser;

struct HttpResponseLimits {
  std::size_t head_bytes = std::size_t{32}
                           << 10;  // all heads of one response, informational ones included
  std::size_t body_bytes = std::size_t{8} << 20;  // of a body that is no event stream
};

class HttpHead {
 public:
  unsigned status() const { return status_; }
  bool is_success() const { return status_ >= 200 && status_ < 300; }
  // The first field of that name, whatever its case.
  std::optional<std::string_view> find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // Content-Type without its parameters, in lower case.
  std::string media_type() const;
  bool is_json() const { return media_type() == "application/json"; }
  bool is_event_stream() const { return media_type() == "text/event-stream"; }

 private:
  friend class HttpResponseReader;
  friend class HttpResponseParser;
  struct Field {
    std::size_t name, value, end;  // offsets into text_
  };
  unsigned status_ = 0;
  std::string text_;
  std::vector<Field> fields_;
};

class HttpResponseReader {
 public:
  explicit HttpResponseReader(const HttpResponseLimits& limits);
  HttpResponseReader(const HttpResponseReader&) = delete;
  ~HttpResponseReader();

  // Takes what it can and returns how many bytes that were; the rest must be offered again, with
  // what follows it. The body's bytes are appended to `body`. Nothing past the response is taken. A
  // refusal (bad_answer, too_large) is final.
  Result<std::size_t> put(std::string_view bytes, std::string& body);
  // The connection ended in good order: fine for a body without framing, otherwise the answer is
  // cut short.
  Status put_end();

  bool has_head() const { return has_head_; }
  const HttpHead& head() const { return head_; }
  bool is_finished() const { return finished_; }
  // After the end: may the connection carry another request?
  bool keeps_alive() const;

 private:
  enum class Framing : std::uint8_t { none, length, chunks, connection };

  Result<std::size_t> put_head(std::string_view bytes);
  Result<std::size_t> put_body(std::string_view bytes, std::string& body);
  Status check_head() const;
  void frame_body();
  void start();

  HttpResponseLimits limits_;
  std::unique_ptr<HttpResponseParser> parser_;
  HttpHead head_;
  bool has_head_ = false;
  bool finished_ = false;
  std::size_t scanned_ = 0;     // bytes of this head that were looked at
  std::size_t head_total_ = 0;  // bytes of earlier, informational heads
  Framing framing_ = Framing::none;
  std::uint64_t left_ = 0;  // of a body with a length
  ChunkedBody chunks_;
  std::size_t taken_ = 0;  // bytes of the body so far
};

}  // namespace toolgate
