#include "connectors/unix_hello.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "connectors/descriptor.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {
namespace {

Refusal no_hello(const std::string& why) {
  return Refusal(Reason::invalid_request,
                 "the first line " + why + ": connect with `toolgate connect` of the same version");
}

Result<Document> parse_first_line(Untrusted<std::string> line) {
  JsonLimits limits;
  limits.bytes = hello_bytes;
  limits.depth = 2;
  limits.values = 16;
  auto document = parse_document(std::move(line), limits);
  if (!document) return no_hello("is no greeting");
  if (!document->root().is_object()) return no_hello("is no greeting");
  return document;
}

bool is_version_1(const Value& greeting) {
  auto version = greeting.find("version");
  return version && version->is_number() && version->integer() == 1;
}

}  // namespace

std::string hello_text(const AgentName& agent) {
  std::string text = R"({"toolgate":"connect","version":1)";
  if (!agent.empty()) text += R"(,"agent":)" + json_quote(agent.text());
  return text + "}";
}

std::string welcome_text() { return R"({"toolgate":"connected","version":1})"; }

std::string refused_text(const Refusal& why) {
  return R"({"toolgate":"refused","why":)" + json_quote(why.detail) + "}";
}

Result<AgentName> parse_hello(Untrusted<std::string> line) {
  auto document = parse_first_line(std::move(line));
  if (!document) return document.refusal();
  Value hello = document->root();
  for (const Member& member : hello.members()) {
    if (member.name != "toolgate" && member.name != "version" && member.name != "agent") {
      return no_hello("has an unknown member");
    }
  }
  auto word = hello.find("toolgate");
  if (!word || !word->is_string() || !word->equals("connect")) return no_hello("is no greeting");
  if (!is_version_1(hello)) return no_hello("is of another version");
  auto agent = hello.find("agent");
  if (!agent) return local_agent();
  if (!agent->is_string()) return no_hello("has an agent that is no string");
  AgentName name(agent->text());
  auto plain = check_plain_name(name.text(), "the agent's");
  if (!plain) return plain.refusal();
  return name;
}

Status parse_welcome(Untrusted<std::string> line) {
  auto document = parse_first_line(std::move(line));
  if (!document) return document.refusal();
  Value answer = document->root();
  auto word = answer.find("toolgate");
  if (word && word->is_string() && word->equals("connected") && is_version_1(answer)) return done();
  auto why = answer.find("why");
  if (why && why->is_string()) return Refusal(Reason::forbidden, why->text());
  return no_hello("of the answer is no greeting");
}

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.empty() || text.size() >= sizeof address.sun_path) {
    return Refusal(Reason::bad_configuration,
                   "the socket's path '" + text + "' must have 1 to 107 bytes: choose another");
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

bool somebody_listens(const sockaddr_un& address) {
  Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return true;
  if (::connect(probe.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return true;
  }
  return errno != ECONNREFUSED && errno != ENOENT;
}

}  // namespace toolgate
