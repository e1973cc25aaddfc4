#include "gateway/config/server_entry.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "connectors/sandbox/protected_names.hpp"
#include "gateway/config/address.hpp"
#include "gateway/config/when_missing.hpp"
#include "gateway/core/base64.hpp"

namespace toolgate::config {
namespace {

constexpr std::size_t hour_ms = 3'600'000;
constexpr std::size_t longest_prefix = 64;

bool has_control(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Headers that the gateway sets: a second one would be a second opinion about the message.
constexpr auto own_headers = std::to_array<std::string_view>(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-length",
     "content-type", "expect", "host", "keep-alive", "last-event-id", "mcp-protocol-version",
     "mcp-session-id", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"});

class ServerReader {
 public:
  ServerReader(const Value& entry, const ServerName& name, const Reading& reading)
      : entry_(entry), own_(entry.find("toolgate")), reading_(reading) {
    server_.name = name;
  }

  ServerEntry read() && {
    read_transport();
    if (server_.is_local()) {
      read_local();
    } else {
      read_remote();
    }
    if (const auto disabled = entry_.find("disabled")) server_.disabled = disabled->boolean();
    read_prefix();
    read_isolation();
    read_files();
    read_protect();
    read_limits();
    read_remains();
    read_tools();
    return std::move(server_);
  }

 private:
  void problem(const Value& value, std::string text) {
    reading_.problems.add(value.begin(), std::move(text));
  }
  std::optional<Value> own(std::string_view key) const {
    return own_ ? own_->find(key) : std::nullopt;
  }
  void only_for(std::string_view whose, std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
      if (const auto value = entry_.find(key)) {
        reading_.problems.add(value->name_begin(),
                              "'" + std::string(key) + "' is only for " + std::string(whose));
      }
    }
  }

  void read_transport();
  void read_local();
  void read_remote();
  void read_certificate_key(const Value& key);
  void read_environment(const Value& env);
  void read_prefix();
  void read_isolation();
  void read_remains();
  void read_files();
  void read_enforcement(const Value& value, FileScope& scope);
  void read_protect();
  void read_limits();
  void read_sandbox_limits(const Value& limits);
  void only_in_sandbox(const Value& value, std::string_view key);
  void read_tools();
  void read_declared(const Value& scopes, ToolPolicy& policy);

  const Value entry_;
  const std::optional<Value> own_;
  const Reading& reading_;
  ServerEntry server_;
};

void ServerReader::read_transport() {
  const auto command = entry_.find("command");
  const auto url = entry_.find("url");
  if (command && url) {
    problem(*url, "'command' and 'url' in one entry: a server is either local or remote");
  } else if (!command && !url) {
    problem(entry_, "a server needs a 'command' (local) or a 'url' (remote)");
  }
  server_.transport = url && !command ? Transport::streamable_http : Transport::stdio;
  const auto type = entry_.find("type");
  if (!type) return;
  const std::string text = type->text();
  if (text == "stdio") {
    if (!command && url) problem(*type, "'type' is \"stdio\", which needs a 'command'");
  } else if (text == "http" || text == "streamable-http" || text == "sse") {
    if (command && !url) problem(*type, "'type' is \"" + text + "\", which needs a 'url'");
    if (text == "sse" && url) server_.transport = Transport::sse;
  } else {
    problem(*type, "'type' must be \"stdio\", \"http\", \"streamable-http\" or \"sse\"");
  }
}

void ServerReader::read_local() {
  only_for("remote servers, those with a 'url'", {"headers"});
  if (const auto key = own("certificate_key")) {
    reading_.problems.add(key->name_begin(),
                          "'certificate_key' is only for remote servers, those with a 'url'");
  }
  if (const auto command = entry_.find("command")) {
    const std::optional<std::string> text = reading_.expanded(*command);
    if (text && text->empty()) problem(*command, "'command' is empty");
    if (text) server_.argv.push_back(*text);
  }
  if (const auto args = entry_.find("args")) {
    for (const Value& value : args->elements()) {
      std::optional<std::string> text = reading_.expanded(value);
      if (text) server_.argv.push_back(std::move(*text));
    }
  }
  if (const auto cwd = entry_.find("cwd")) {
    if (auto path = reading_.path(*cwd, "cwd")) server_.cwd = std::move(*path);
  }
  if (const auto env = entry_.find("env")) read_environment(*env);
  if (const auto env = own("env")) read_environment(*env);
}

void ServerReader::read_environment(const Value& env) {
  for (const Member& member : env.members()) {
    const std::string shown = "'" + printable(member.name) + "'";
    if (member.name.empty() || member.name.find('=') != std::string::npos ||
        has_control(member.name)) {
      problem(member.value, "the environment variable " + shown +
                                " must have a name without '=' and control characters");
      continue;
    }
    if (member.value.text().starts_with("secret:")) {
      problem(member.value, "the environment variable " + shown +
                                " asks for a secret of the vault, which this build does not have; "
                                "use ${NAME}");
      continue;
    }
    std::optional<std::string> text = reading_.expanded(member.value);
    if (!text) continue;
    if (!server_.env.emplace(member.name, std::move(*text)).second) {
      problem(member.value, "the environment variable " + shown +
                                " is in 'env' and in 'env' of \"toolgate\"; keep one");
    }
  }
}

void ServerReader::read_certificate_key(const Value& key) {
  constexpr std::size_t sha256_bytes = 32;
  std::string text = key.text();
  auto bytes = base64_bytes(text);
  if (!bytes || bytes->size() != sha256_bytes) {
    problem(key,
            "'certificate_key' is the SHA-256 of the server's public key in base64, as `openssl "
            "x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary "
            "| base64` prints it");
  } else if (!server_.url.starts_with("https://")) {
    problem(key, "'certificate_key' goes with an https address alone");
  }
  server_.certificate_key = std::move(text);
}

void ServerReader::read_remote() {
  only_for("local servers, those with a 'command'", {"args", "env", "cwd"});
  if (const auto env = own("env")) {
    reading_.problems.add(env->name_begin(),
                          "'env' is only for local servers, those with a 'command'");
  }
  if (const auto url = entry_.find("url")) {
    if (auto text = reading_.expanded(*url)) {
      const Status good = check_url(*text);
      if (!good) problem(*url, good.refusal().detail);
      server_.url = std::move(*text);
    }
  }
  if (const auto key = own("certificate_key")) read_certificate_key(*key);
  const auto headers = entry_.find("headers");
  if (!headers) return;
  std::vector<std::string> seen;
  for (const Member& member : headers->members()) {
    const std::string shown = "the header '" + printable(member.name) + "'";
    if (!is_token(member.name)) {
      problem(member.value, shown + " has a name that HTTP does not allow");
      continue;
    }
    const std::string name = lower(member.name);
    if (std::ranges::find(own_headers, name) != own_headers.end()) {
      problem(member.value, shown + " is set by the gateway itself; remove it");
    }
    if (std::ranges::find(seen, name) != seen.end()) problem(member.value, shown + " stands twice");
    seen.push_back(name);
    if (member.value.text().starts_with("secret:")) {
      problem(member.value, shown +
                                " asks for a secret of the vault, which this build does not have; "
                                "use ${NAME}");
      continue;
    }
    std::optional<std::string> text = reading_.expanded(member.value);
    if (!text) continue;
    if (has_control(*text)) problem(member.value, shown + " has a value with control characters");
    server_.headers.emplace(member.name, std::move(*text));
  }
}

void ServerReader::read_prefix() {
  server_.prefix = server_.name.text() + "__";
  const auto prefix = own("prefix");
  if (!prefix) return;
  server_.prefix = prefix->text();
  const bool good =
      server_.prefix.size() <= longest_prefix && std::ranges::all_of(server_.prefix, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
      });
  if (!good) {
    problem(*prefix,
            "'prefix' must be at most 64 letters, digits, '_', '.' and '-', or \"\" for none");
  }
}

void ServerReader::read_isolation() {
  const auto isolation = own("isolation");
  if (!isolation) return;
  if (!server_.is_local()) {
    reading_.problems.add(isolation->name_begin(),
                          "'isolation' is only for local servers, those with a 'command'");
    return;
  }
  const std::string text = isolation->text();
  server_.isolation_written_out = true;
  if (text == "none") {
    server_.isolation = Isolation::none;
  } else if (text == "vm") {
    server_.isolation = Isolation::vm;
    server_.limits.start_ms = machine_start_ms;
  } else if (text == "gvisor") {
    server_.isolation = Isolation::gvisor;
  } else if (text != "process") {
    problem(*isolation, "'isolation' must be \"process\", \"gvisor\", \"vm\" or \"none\"");
  }
}

void ServerReader::read_remains() {
  const auto remains = own("when_missing");
  if (!remains) return;
  only_in_sandbox(*remains, "when_missing");
  if (!server_.is_local() || server_.isolation == Isolation::none) return;
  server_.when_missing = read_when_missing(*remains, server_, reading_);
}

// Without a sandbox nothing enforces them.
void ServerReader::read_protect() {
  const auto protect = own("protect");
  if (!protect) return;
  only_in_sandbox(*protect, "protect");
  for (const Value& value : protect->elements()) server_.protect.push_back(value.text());
  auto names = ProtectedNames::make(server_.protect);
  if (!names) problem(*protect, names.refusal().detail);
}

void ServerReader::only_in_sandbox(const Value& value, std::string_view key) {
  if (server_.is_local() && server_.isolation != Isolation::none) return;
  reading_.problems.add(value.name_begin(), "'" + std::string(key) +
                                                "' is only for local servers in a sandbox, those "
                                                "whose 'isolation' is not \"none\"");
}

void ServerReader::read_sandbox_limits(const Value& limits) {
  constexpr std::size_t most_mb = std::size_t{1} << 24;
  constexpr std::size_t most_count = std::size_t{1} << 20;
  auto read = [&](std::string_view key, std::size_t least, std::size_t most, std::size_t& into) {
    const auto value = limits.find(key);
    if (!value) return;
    only_in_sandbox(*value, key);
    if (const auto number = reading_.number(*value, key, least, most)) into = *number;
  };
  const std::size_t least_mb = server_.isolation == Isolation::vm ? least_machine_mb : 16;
  read("memory_mb", least_mb, most_mb, server_.sandbox.memory_mb);
  read("processes", 1, most_count, server_.sandbox.processes);
  read("cpu_s", 1, most_mb, server_.sandbox.cpu_s);
  read("open_files", 16, most_count, server_.sandbox.open_files);
  read("file_mb", 1, most_mb, server_.sandbox.file_mb);
  if (const auto required = limits.find("require_tree")) {
    only_in_sandbox(*required, "require_tree");
    if (required->boolean()) server_.sandbox.tree = TreeLimit::required;
  }
}

void ServerReader::read_files() {
  const auto files = own("files");
  if (!files) return;
  for (const Value& value : files->elements()) {
    FileScope scope;
    const auto path = value.find("path");
    if (!path) {
      problem(value, "an element of 'files' needs a 'path'");
      continue;
    }
    if (auto text = reading_.path(*path, "path")) scope.path = std::move(*text);
    if (const auto mode = value.find("mode")) {
      if (mode->equals("rw")) {
        scope.mode = FileMode::rw;
      } else if (mode->equals("rw-no-delete")) {
        scope.mode = FileMode::rw_no_delete;
      } else if (!mode->equals("ro")) {
        problem(*mode, "'mode' must be \"ro\", \"rw\" or \"rw-no-delete\"");
      }
    }
    read_enforcement(value, scope);
    if (const auto exec = value.find("exec")) scope.exec = exec->boolean();
    const bool twice =
        !scope.path.empty() &&
        std::ranges::find(server_.files, scope.path, &FileScope::path) != server_.files.end();
    if (twice) problem(*path, "this path is in 'files' twice; keep one");
    server_.files.push_back(std::move(scope));
  }
}

void ServerReader::read_enforcement(const Value& value, FileScope& scope) {
  scope.is_staged = scope.mode == FileMode::rw_no_delete;
  const auto enforcement = value.find("enforcement");
  if (!enforcement) return;
  if (scope.mode != FileMode::rw_no_delete) {
    problem(*enforcement, "'enforcement' goes with the mode \"rw-no-delete\" alone");
  } else if (enforcement->equals("strict")) {
    scope.is_staged = false;
  } else if (!enforcement->equals("staged")) {
    problem(*enforcement, "'enforcement' must be \"staged\" or \"strict\"");
  }
}

void ServerReader::read_limits() {
  if (const auto timeout = entry_.find("timeout")) {
    if (const auto ms = reading_.number(*timeout, "timeout", 1, 24 * hour_ms)) {
      server_.limits.call_ms = Milliseconds(*ms);
    }
  }
  const auto limits = own("limits");
  if (!limits) return;
  read_sandbox_limits(*limits);
  if (const auto start = limits->find("start_ms")) {
    if (const auto ms = reading_.number(*start, "start_ms", 1, hour_ms)) {
      server_.limits.start_ms = Milliseconds(*ms);
    }
  }
  if (const auto call = limits->find("call_ms")) {
    if (const auto ms = reading_.number(*call, "call_ms", 1, 24 * hour_ms)) {
      server_.limits.call_ms = Milliseconds(*ms);
    }
  }
  if (const auto relist = limits->find("relist_ms")) {
    if (const auto ms = reading_.number(*relist, "relist_ms", 1'000, hour_ms)) {
      server_.limits.relist_ms = Milliseconds(*ms);
    }
  }
  if (const auto result = limits->find("result_bytes")) {
    if (const auto bytes =
            reading_.number(*result, "result_bytes", std::size_t{1} << 10, std::size_t{1} << 30)) {
      server_.limits.result_bytes = *bytes;
    }
  }
}

void ServerReader::read_tools() {
  const auto tools = own("tools");
  if (!tools) return;
  for (const Member& member : tools->members()) {
    ToolPolicy policy;
    if (member.name.empty()) problem(member.value, "a tool's name in 'tools' is empty");
    if (const auto decision = member.value.find("decision")) {
      if (decision->equals("deny")) {
        policy.decision = ToolPolicy::Decision::deny;
      } else if (decision->equals("ask")) {
        problem(
            *decision,
            "'decision' \"ask\" is not enforced by this build yet; write \"deny\" or \"allow\"");
      } else if (!decision->equals("allow")) {
        problem(*decision, "'decision' must be \"allow\", \"deny\" or \"ask\"");
      }
    }
    if (const auto hidden = member.value.find("hidden")) policy.hidden = hidden->boolean();
    if (const auto reason = member.value.find("reason")) policy.reason = reason->text();
    if (const auto scopes = member.value.find("scopes")) read_declared(*scopes, policy);
    server_.tools.emplace(member.name, std::move(policy));
  }
}

void ServerReader::read_declared(const Value& scopes, ToolPolicy& policy) {
  for (const Member& member : scopes.members()) {
    DeclaredArgument declared;
    auto pointer = parse_pointer(member.name);
    if (pointer) {
      declared.pointer = std::move(*pointer);
    } else {
      reading_.problems.add(member.value.name_begin(), pointer.refusal().detail);
    }
    const Value& kind = member.value;
    if (kind.equals("text")) {
      declared.kind = DeclaredArgument::Kind::text;
    } else if (kind.equals("url") || kind.equals("host") || kind.equals("recipient")) {
      problem(kind, "a scope \"" + kind.text() +
                        "\" is not enforced by this build yet; remove it (it needs the egress "
                        "proxy, which this build does not have)");
    } else if (!kind.equals("path")) {
      problem(kind, "a scope of an argument must be \"path\", or \"text\" for what is no path");
    }
    policy.scopes.push_back(std::move(declared));
  }
}

}  // namespace

std::optional<std::string> Reading::expanded(const Value& text) const {
  Result<std::string> value = variables.expand(text.text());
  if (!value) {
    problems.add(text.begin(), value.refusal().detail);
    return std::nullopt;
  }
  if (has_nul(*value)) {
    problems.add(text.begin(), "this text holds a NUL character, which cannot be passed on");
    return std::nullopt;
  }
  return std::move(*value);
}

std::optional<std::filesystem::path> Reading::path(const Value& text, std::string_view key) const {
  std::optional<std::string> value = expanded(text);
  if (!value) return std::nullopt;
  if (value->empty()) {
    problems.add(text.begin(), "'" + std::string(key) + "' is empty");
    return std::nullopt;
  }
  if (*value == "~" || value->starts_with("~/")) {
    const std::optional<std::string> home = variables.home();
    if (!home || !home->starts_with('/')) {
      problems.add(text.begin(), "'~' needs HOME to be set to an absolute path");
      return std::nullopt;
    }
    value = *home + value->substr(1);
  }
  std::filesystem::path result = (directory / *value).lexically_normal();
  if (!result.has_filename() && result.has_relative_path()) result = result.parent_path();
  if (!result.is_absolute()) {
    problems.add(text.begin(), "'" + std::string(key) + "' must be an absolute path here");
    return std::nullopt;
  }
  return result;
}

std::optional<std::size_t> Reading::number(const Value& value, std::string_view key,
                                           std::size_t least, std::size_t most) const {
  const std::optional<std::int64_t> number = value.integer();
  if (number && std::cmp_greater_equal(*number, least) && std::cmp_less_equal(*number, most)) {
    return static_cast<std::size_t>(*number);
  }
  problems.add(value.begin(), "'" + std::string(key) + "' must be from " + std::to_string(least) +
                                  " to " + std::to_string(most));
  return std::nullopt;
}

ServerEntry read_server(const Value& entry, const ServerName& name, const Reading& reading) {
  return ServerReader(entry, name, reading).read();
}

}  // namespace toolgate::config
