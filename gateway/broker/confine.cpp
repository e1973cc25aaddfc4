// What of a request may name files, and whether it stays within the file scopes of its server
// (gateway/scopes/). The arguments of tools and prompts, what is to be completed, and file: URIs of
// resources.

#include "gateway/broker/broker.hpp"
#include "gateway/broker/call_path.hpp"

namespace toolgate {
namespace {

void append(std::vector<PathArgument>& all, std::vector<PathArgument> more) {
  for (PathArgument& one : more) all.push_back(std::move(one));
}

// A beginning of a path is judged as if it were one: what it may be completed to lies beside it.
std::vector<PathArgument> paths_to_complete(const PathArguments& rules, const Value& params) {
  std::vector<PathArgument> found;
  auto argument = params.find("argument");
  auto name = argument ? argument->find("name") : std::nullopt;
  auto value = argument ? argument->find("value") : std::nullopt;
  if (name && name->is_string() && value) found = rules.in(name->text(), *value);
  auto context = params.find("context");
  auto others = context ? context->find("arguments") : std::nullopt;
  if (others) append(found, rules.in(*others));
  return found;
}

std::vector<PathArgument> paths_in(const PathArguments& rules, const Message& message) {
  const Value params = *message.params();
  if (message.method() == "completion/complete") return paths_to_complete(rules, params);
  if (message.method().starts_with("resources/")) {
    return rules.in_uri(params.find("uri")->text());
  }
  auto arguments = params.find("arguments");
  return arguments ? rules.in(*arguments) : std::vector<PathArgument>();
}

}  // namespace

Status CallPath::may_watch(const Target& target, const std::string& uri) const {
  const ServerName& server = target.upstream->entry().name;
  ArgumentScopes* scopes = broker_.argument_scopes(server);
  for (const CatalogueItem* item : broker_.catalogue().find(target.kind, target.exposed)) {
    if (!scopes || item->server != server || !item->paths) continue;
    auto confined = scopes->confine(item->paths->in_uri(uri));
    if (!confined) return confined.refusal();
  }
  return done();
}

Result<Confined> CallPath::confine(const Message& message, const CatalogueItem& item) const {
  ArgumentScopes* scopes = broker_.argument_scopes(item.server);
  if (!scopes) {
    return Refusal(Reason::unavailable, "the server is not configured any more");
  }
  std::vector<PathArgument> named;
  if (item.paths) named = paths_in(*item.paths, message);
  return scopes->confine(named);
}

}  // namespace toolgate
