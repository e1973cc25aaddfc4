#include "gateway/core/envelope.hpp"

#include "gateway/core/syslog_level.hpp"

namespace toolgate {
namespace {

constexpr std::size_t echoed_revision_bytes = 64;

std::optional<Value> meta_of(const Message& message) {
  auto params = message.params();
  return params ? params->find("_meta") : std::nullopt;
}

Refusal lacks(std::string_view key, std::string_view what) {
  return Refusal(Reason::invalid_params,
                 "params._meta[\"" + std::string(key) + "\"] must be " + std::string(what));
}

void append_meta(std::string& members, std::string_view key, std::string_view json) {
  if (!members.empty()) members += ',';
  append_json_quote(members, key);
  members += ':';
  members += json;
}

}  // namespace

std::optional<std::string> claimed_revision(const Message& message) {
  auto meta = meta_of(message);
  auto revision = meta ? meta->find(meta_revision) : std::nullopt;
  if (!revision) return std::nullopt;
  return revision->is_string() ? revision->text() : std::string();
}

Result<Envelope> parse_envelope(const Message& message) {
  auto meta = meta_of(message);
  auto revision = meta ? meta->find(meta_revision) : std::nullopt;
  if (!revision || !revision->is_string()) return lacks(meta_revision, "a revision of MCP");
  auto capabilities = meta->find(meta_capabilities);
  if (!capabilities || !capabilities->is_object()) return lacks(meta_capabilities, "an object");
  auto client = meta->find(meta_client);
  if (client && !client->is_object()) return lacks(meta_client, "an object");
  auto known = revision_from(revision->text());
  if (!known || !is_modern(*known)) {
    return Refusal(Reason::unsupported_revision, "this revision of MCP is not spoken here");
  }
  Envelope envelope;
  envelope.revision = *known;
  envelope.capabilities = ClientCapabilities::from(*capabilities);
  if (auto level = meta->find(meta_log_level)) {
    envelope.log_level = level->is_string() ? syslog_level(level->text()) : std::nullopt;
    if (!envelope.log_level) return lacks(meta_log_level, "a syslog severity");
  }
  return envelope;
}

std::string unsupported_revision_text(std::string_view id_raw, std::string_view requested) {
  std::string data = R"("supported":[")" + std::string(revision_text(latest_revision)) +
                     R"("],"requested":)" + json_quote(requested.substr(0, echoed_revision_bytes));
  return error_text(id_raw,
                    Refusal(Reason::unsupported_revision,
                            "this revision of MCP is not spoken here; `initialize` opens a session "
                            "of revision 2025-11-25 or older"),
                    "", data);
}

std::string envelope_members(const ClientCapabilities& capabilities, std::optional<int> log_level) {
  std::string members;
  append_meta(members, meta_revision, json_quote(revision_text(latest_revision)));
  append_meta(members, meta_client, R"({"name":"toolgate","version":")" TOOLGATE_VERSION R"("})");
  append_meta(members, meta_capabilities, capabilities.json());
  if (log_level) append_meta(members, meta_log_level, json_quote(syslog_levels[*log_level]));
  return members;
}

}  // namespace toolgate
