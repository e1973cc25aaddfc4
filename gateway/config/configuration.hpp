#pragma once
// The configuration file: one JSON file (comments and trailing commas allowed) whose `mcpServers`
// has the shape that harnesses use; toolgate's own keys stand under "toolgate", in a server's entry
// and at the top. Parsed strictly into these values: an unknown key, a value out of range and a
// restriction that this build cannot enforce are errors with their line and column, never ignored.
// keys.cpp lists every key, and toolgate.schema.json is the same list as a JSON Schema 2020-12.
//
// Variables: ${NAME} and ${NAME:-default} in command, args, env, cwd, url, headers and paths, from
// the environment of the gateway; ${workspace} is the directory given by TOOLGATE_WORKSPACE, else
// the working directory. variables.hpp has the details. Values of env and headers are secrets: no
// message repeats them.
//
// Paths (cwd, files, tls) that start with "~/" are below HOME; relative ones are relative to the
// directory of the configuration file.

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/file_scope.hpp"
#include "gateway/core/limits.hpp"
#include "gateway/core/names.hpp"
#include "gateway/core/result.hpp"
#include "gateway/scopes/pointer.hpp"
#include "signing/digest.hpp"
#include "signing/keys.hpp"

namespace toolgate {

enum class Transport { stdio, streamable_http, sse };
enum class Isolation { process, gvisor, vm, none };
// As it is written in a configuration.
std::string_view isolation_name(Isolation isolation);

// As the configuration spells it.
std::string_view isolation_name(Isolation isolation);

// What remains of a server when this host cannot give its boundary: the tools of these names, and
// nothing else of it, in this lesser boundary (gateway/broker/containment.hpp).
struct WhenMissing {
  Isolation isolation = Isolation::none;
  std::vector<std::string> tools;  // as the server calls them; never empty
};

// What an argument of a tool is, said by an administrator where the schema's words do not say it,
// or say it wrongly (gateway/scopes/path_arguments.hpp).
struct DeclaredArgument {
  PointerTokens pointer;                             // a token "*" matches every element or member
  enum class Kind { path, text } kind = Kind::path;  // text: no path, whatever its name
};

// Policy for one tool, by the name that its server gives it. A tool without one is allowed once
// approved.
struct ToolPolicy {
  enum class Decision { allow, deny } decision = Decision::allow;
  bool hidden = false;
  std::string reason;
  std::vector<DeclaredArgument> scopes;  // in the order of the file
};

// What `toolgate freeze` made of a local server's package. No part of the file: whoever loads a
// configuration to run or judge servers adds it (gateway/packages/frozen.hpp, attach_artefacts()).
struct Artefact {
  Digest digest;                 // of the package's manifest
  std::filesystem::path folder;  // that holds the manifest and the tree
  std::string damage;  // not empty: why the record of it cannot be used; nothing runs then
  friend bool operator==(const Artefact&, const Artefact&) = default;
};

// Whose signature the manifest of a server's package must carry (gateway/config/publishers.hpp).
struct Publisher {
  std::string name;  // in the configuration
  PublicKey key;
};

struct ServerEntry {
  ServerName name;
  Transport transport = Transport::stdio;
  // stdio
  std::vector<std::string> argv;           // command first
  std::map<std::string, std::string> env;  // expanded
  std::filesystem::path cwd;               // empty: the gateway's
  // remote
  std::string url;
  std::map<std::string, std::string> headers;  // expanded; values are secrets
  std::string certificate_key;  // base64 of the SHA-256 of its public key; empty: any
  // "toolgate"
  std::string prefix;  // "SERVER__" by default; "" for none
  Isolation isolation = Isolation::process;
  bool isolation_written_out = false;
  std::optional<WhenMissing> when_missing;  // without it nothing remains
  std::optional<Publisher> publisher;       // of a local server; without it nobody need have signed
  std::vector<FileScope> files;
  std::vector<std::string> protect;  // as SandboxPlan has it
  SandboxLimits sandbox;
  ServerLimits limits;
  std::map<std::string, ToolPolicy> tools;
  std::size_t line = 0;   // of the entry, for messages
  bool disabled = false;  // "disabled": true, as several harnesses write it
  // Filled in by who loads the file: the gateway's home and configuration, which no server may see.
  std::vector<std::string> gateway_files;
  std::optional<Artefact> artefact;  // of a local server whose package is frozen

  bool is_local() const { return transport == Transport::stdio; }
  // Where a local server starts, and its relative paths begin: `cwd`; else the gateway's own
  // directory, in a sandbox only if a file scope shows it there, else the first scope that is a
  // directory, else the home of the sandbox.
  std::filesystem::path working_directory() const;

  // What pins are keyed by: for a local server its argv (variables expanded), working directory and
  // the names of its environment (and the values of those that are dangerous,
  // dangers.hpp), and the digest of its artefact once it is frozen; for a remote
  // one its URL. Prefix, limits and policy are no part of it, nor are the values of env and
  // headers.
  Digest identity() const;
  // Over isolation, what remains when it is missing, files, protected names, the names of headers
  // and the key that must have signed its package: what widens or narrows what the server may reach
  // or be. An approval is for one of these.
  Digest scope_digest() const;
};

struct AgentEntry {
  std::vector<std::string>
      servers;  // each is in the configuration; empty: all (the file cannot say [])
  std::vector<std::string> tools;  // as the agent sees them; empty: all
};

// Which approvals count: of one key, or of two (gateway/config/approval_rules.hpp).
struct ApprovalRules {
  std::vector<std::string> dual;  // classes of changes that need two keys
  // By a key's id or name: the classes that it may approve. A key that is not named may all.
  std::map<std::string, std::vector<std::string>> key_classes;
  friend bool operator==(const ApprovalRules&, const ApprovalRules&) = default;
};

struct AuditSettings {
  enum class Durability { process, fsync } durability = Durability::process;
  enum class Detail { full, digest } arguments = Detail::full;
  Detail results = Detail::digest;
};

struct Configuration {
  std::filesystem::path file;
  std::vector<ServerEntry> servers;  // in the order of the file
  std::map<std::string, AgentEntry> agents;
  AuditSettings audit;
  ApprovalRules approvals;
  std::string listen = "127.0.0.1:8808";                 // as parse_listen() returns it
  std::optional<std::filesystem::path> tls_certificate;  // PEM; both or neither
  std::optional<std::filesystem::path> tls_key;
  std::size_t message_bytes = std::size_t{8} << 20;  // JsonLimits::bytes for every connection

  const ServerEntry* find(const ServerName& name) const;
};

// Lets every server know the gateway's home and configuration, so that no file scope reaches them.
void set_gateway_home(Configuration& configuration, const std::filesystem::path& home);

// Environment look-up, so that tests need not touch the process's own.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

// Every refusal is `bad_configuration` and starts with "FILE:LINE:COLUMN: "; up to ten mistakes are
// named, one a line.
Result<Configuration> parse_configuration(std::string text, const std::filesystem::path& file,
                                          const Environment& environment);
// Reads the file first: a regular file (or a link to one) of at most 4 MiB that not everybody can
// write to, since who writes it decides what runs. Blocking.
Result<Configuration> load_configuration(const std::filesystem::path& file,
                                         const Environment& environment);

// Where to listen: "ADDRESS:PORT" with a numeric address (IPv6 in brackets) or "localhost", port 0
// for any free one; comes back in its normal form. An address that other machines can reach needs
// encryption.
enum class Encryption { none, tls };
Result<std::string> parse_listen(std::string_view text, Encryption encryption);

// The JSON Schema (2020-12) of the file, as shipped; `init` writes it beside the configuration.
std::string_view configuration_schema();

}  // namespace toolgate
