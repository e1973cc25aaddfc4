#include "gateway/core/client_capabilities.hpp"

namespace toolgate {
namespace {

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
  if (has_object(extensions, apps_extension)) {
    found.apps = extensions->find(apps_extension)->raw();
  }
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
  append_member(json, "roots", "{}");
  if (sampling) {
    std::string kinds = "{";
    if (sampling_tools) append_member(kinds, "tools", "{}");
    if (sampling_context) append_member(kinds, "context", "{}");
    append_member(json, "sampling", kinds + "}");
  }
  if (tasks || !apps.empty()) {
    std::string extensions = "{";
    if (tasks) append_member(extensions, tasks_extension, "{}");
    if (!apps.empty()) append_member(extensions, apps_extension, apps);
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

std::string ClientCapabilities::missing_for(std::string_view method, const Value& params) {
  if (method == "elicitation/create") {
    return asks_for_url(params) ? R"({"elicitation":{"url":{}}})" : R"({"elicitation":{}})";
  }
  if (method == "roots/list") return R"({"roots":{}})";
  bool tools = params.find("tools") || params.find("toolChoice");
  return tools ? R"({"sampling":{"tools":{}}})" : R"({"sampling":{}})";
}

ClientCapabilities fixed_capabilities() {
  ClientCapabilities all;
  all.elicitation_form = all.elicitation_url = true;
  all.sampling = true;
  return all;
}

}  // namespace toolgate
