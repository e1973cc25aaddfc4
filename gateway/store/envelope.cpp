#include "gateway/store/envelope.hpp"

#include <openssl/sha.h>

#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"

namespace toolgate {
namespace {

constexpr std::size_t kept_bytes = std::size_t{64} << 10;

void append_text(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":");
  // A record is written whatever happens; a text that is no UTF-8 must not make it unreadable.
  if (is_utf8(text)) {
    append_json_quote(out, text);
  } else {
    append_ascii_quote(out, text);
  }
}

void append_json(std::string& out, std::string_view name, std::string_view json) {
  if (!json.empty()) out.append(",\"").append(name).append("\":").append(json);
}

std::string digest_detail(std::string_view json, std::string_view more) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(json.data()), json.size(), hash.data());
  constexpr std::string_view alphabet = "0123456789abcdef";
  std::string out = "{\"sha256\":\"";
  for (unsigned char byte : hash) {
    out += alphabet[byte >> 4];
    out += alphabet[byte & 0xF];
  }
  return out.append("\",\"bytes\":").append(std::to_string(json.size())).append(more).append("}");
}

std::string files_json(const FileNotes& files) {
  if (files.list.empty()) return {};
  std::string out = "[";
  for (const FileNote& note : files.list) {
    if (out.size() > 1) out += ',';
    out.append("{\"effect\":\"").append(effect_name(note.effect));
    out.append(note.waits() ? "\",\"waits\":true" : "\",\"waits\":false");
    append_text(out, "id", note.id);
    append_text(out, "path", note.path);
    append_text(out, "to", note.to);
    append_text(out, "reason", note.why);
    out += '}';
  }
  if (files.more > 0) out.append(",{\"more\":").append(std::to_string(files.more)).append("}");
  return out + ']';
}

}  // namespace

std::string envelope_json(const Record& record, std::string_view id, std::int64_t time_ns) {
  std::string out = "{\"v\":1";
  out.reserve(512 + record.arguments.size() + record.result.size());
  append_text(out, "id", id);
  append_text(out, "time", utc_text(time_ns));
  append_text(out, "kind", record.kind);
  append_text(out, "agent", record.agent);
  append_text(out, "session", record.session);
  append_text(out, "server", record.server);
  append_text(out, "tool", record.tool);
  append_text(out, "method", record.method);
  append_text(out, "decision", record.decision);
  append_text(out, "reason", record.reason);
  append_text(out, "rule", record.rule);
  if (!record.findings.empty()) append_json(out, "findings", findings_json(record.findings));
  append_json(out, "arguments", record.arguments);
  append_json(out, "result", record.result);
  append_text(out, "pin", record.pin);
  append_text(out, "policy", record.policy);
  append_text(out, "trace", record.trace);
  append_text(out, "intent", record.intent);
  append_json(out, "files", files_json(record.files));
  if (record.latency_us) append_json(out, "latency_us", std::to_string(*record.latency_us));
  return out + '}';
}

std::optional<std::array<char, 16>> uuid_bytes(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::array<char, 16> bytes{};
  std::size_t digits = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[at]);
    if (value < 0) return std::nullopt;
    char& byte = bytes[digits / 2];
    byte = static_cast<char>(static_cast<unsigned char>(byte) << 4 | value);
    ++digits;
  }
  return bytes;
}

std::string AuditLog::detail(AuditSettings::Detail policy, std::string_view json) {
  if (json.empty()) return {};
  if (policy == AuditSettings::Detail::digest) return digest_detail(json, "");
  if (json.size() > kept_bytes) return digest_detail(json, ",\"truncated\":true");
  std::string line(json);
  // Line ends stand only between the tokens of a JSON text, never inside one.
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace toolgate
