#include "gateway/core/client_capabilities.hpp"

namespace toolgate {
namespace {

constexpr std::string_view apps_settings = R"({"mimeTypes":["text/html;profile=mcp-app"]})";

bool has_object(const std::optional<Value>& parent, std::string_view name) {
  auto member = parent ? parent->find(name) : std::nullopt;
  return member && member->is_object();
}

bool asks_for_url(const Value& params) {
  auto mode = params.find("mode");
  return mode && mode->equals("url");
}

void append_member(std::string& json, std::string_view name, std::string_view value) {
  if (json.size() > 1) json += ',';
  json += '"';
  json += name;
  json += "\":";
  json += value;
}

}  // namespace

ClientCapabilities ClientCapabilities::from(const Value& object) {
  ClientCapabilities found;
  auto elicitation = object.find("elicitation");
  if (elicitation && elicitation->is_object()) {
    found.elicitation_url = has_object(elicitation, "url");
    found.elicitation_form = has_object(elicitation, "form") || !found.elicitation_url;
  }
  auto sampling = object.find("sampling");
  found.sampling = sampling && sampling->is_object();
  found.sampling_tools = has_object(sampling, "tools");
  found.sampling_context = has_object(sampling, "context");
  auto extensions = object.find("extensions");
  found.tasks = has_object(extensions, tasks_extension);
  found.apps = has_object(extensions, apps_extension);
  return found;
}

std::string ClientCapabilities::json() const {
  std::string json = "{";
  if (elicitation_form || elicitation_url) {
    std::string modes = "{";
    if (elicitation_form) append_member(modes, "form", "{}");
    if (elicitation_url) append_member(modes, "url", "{}");
    append_member(json, "elicitation", modes + "}");
  }
  if (!tasks) append_member(json, "roots", "{}");
  if (sampling) {
    std::string kinds = "{";
    if (sampling_tools) append_member(kinds, "tools", "{}");
    if (sampling_context) append_member(kinds, "context", "{}");
    append_member(json, "sampling", kinds + "}");
  }
  if (tasks || apps) {
    std::string extensions = "{";
    if (tasks) append_member(extensions, tasks_extension, "{}");
    if (apps) append_member(extensions, apps_extension, apps_settings);
    append_member(json, "extensions", extensions + "}");
  }
  return json + "}";
}

bool ClientCapabilities::answers(std::string_view method, const Value& params) const {
  if (method == "elicitation/create") {
    return asks_for_url(params) ? elicitation_url : elicitation_form;
  }
  if (method != "sampling/createMessage" || !sampling) return false;
  return sampling_tools || !(params.find("tools") || params.find("toolChoice"));
}

ClientCapabilities fixed_capabilities() {
  ClientCapabilities all;
  all.elicitation_form = all.elicitation_url = true;
  all.sampling = true;
  return all;
}

}  // namespace toolgate
