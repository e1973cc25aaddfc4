#include "gateway/broker/offer.hpp"

namespace toolgate {
namespace {

std::optional<Value> extension(const Value& capabilities, std::string_view name) {
  auto extensions = capabilities.find("extensions");
  auto settings = extensions ? extensions->find(name) : std::nullopt;
  return settings && settings->is_object() ? settings : std::nullopt;
}

}  // namespace

Definition capabilities_definition(std::string_view server_capabilities) {
  std::string json = R"({"client":)" + fixed_capabilities().json() + R"(,"server":)";
  json += server_capabilities;
  return Definition{ItemKind::capabilities, "", json + "}"};
}

bool declares(const Value& capabilities, std::string_view name) {
  if (name != skills_extension) return capabilities.find(name) || extension(capabilities, name);
  return extension(capabilities, name) && capabilities.find("resources");
}

bool declares_directories(const Value& capabilities) {
  if (!declares(capabilities, skills_extension)) return false;
  auto reads = extension(capabilities, skills_extension)->find("directoryRead");
  return reads && reads->is_boolean() && reads->boolean();
}

}  // namespace toolgate
