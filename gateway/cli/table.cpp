#include "gateway/cli/commands.hpp"

namespace toolgate {
namespace {

const Option json{.name = "json", .help = "one object a line"};
const Option signer{
    .name = "key", .value = "NAME|FILE", .help = "whose signature it gets; admin by default"};

std::vector<Option> with_filters(std::vector<Option> options) {
  const Option filters[] = {
      {.name = "agent", .value = "NAME", .help = "only this agent's"},
      {.name = "session", .value = "ID", .help = "only this session's"},
      {.name = "server", .value = "NAME", .help = "only this server's"},
      {.name = "tool", .value = "NAME", .help = "only this tool's, as its server calls it"},
      {.name = "kind",
       .value = "KIND",
       .help = "call.intent, call.outcome, refusal, approval, ..."},
      {.name = "decision", .value = "WORD", .help = "allow, deny, error, sanitise or withhold"},
  };
  options.insert(options.begin(), std::begin(filters), std::end(filters));
  return options;
}

std::vector<Command> server_commands() {
  return {
      {.name = "server add",
       .synopsis = "NAME [OPTIONS] -- COMMAND... | NAME --url URL [OPTIONS]",
       .summary = "register one server; nothing of it is run or contacted yet",
       .details = "Writes the server into the configuration, which keeps its comments and layout. "
                  "Values may\n"
                  "hold ${VARIABLES}, which are taken from the environment whenever the "
                  "configuration is read:\n"
                  "better than a secret on a command line.",
       .options =
           {{.name = "url", .value = "URL", .help = "a remote server (Streamable HTTP)"},
            {.name = "type", .value = "TYPE", .help = "stdio, http or sse; by the shape otherwise"},
            {.name = "isolation",
             .value = "KIND",
             .help = "process (the default), or none: run a local server without a sandbox"},
            {.name = "ro",
             .value = "PATH",
             .help = "what a local server may read",
             .count = Option::Count::many},
            {.name = "rw",
             .value = "PATH",
             .help = "what it may read and write",
             .count = Option::Count::many},
            {.name = "rw-no-delete",
             .value = "PATH",
             .help = "the same, but what was there before a call cannot be deleted or renamed",
             .count = Option::Count::many},
            {.name = "prefix",
             .value = "TEXT",
             .help = "before its tools' names; NAME__ by default, may be empty"},
            {.name = "env",
             .value = "KEY=VALUE",
             .help = "environment of a local server",
             .count = Option::Count::many},
            {.name = "header",
             .value = "KEY=VALUE",
             .help = "HTTP header for a remote server",
             .count = Option::Count::many},
            {.name = "cwd", .value = "FOLDER", .help = "working directory of a local server"}},
       .least_arguments = 1,
       .most_arguments = 1,
       .rest = Command::Rest::command,
       .run = server_add_command},
      {.name = "server list",
       .synopsis = "[--json]",
       .summary = "show the servers of the configuration",
       .details = "Commands are shown as the file has them: variables are not expanded.",
       .options = {json},
       .run = server_list_command},
      {.name = "server remove",
       .synopsis = "NAME",
       .summary = "take a server out of the configuration and revoke its approvals",
       .details = "",
       .options = {signer},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = server_remove_command},
      {.name = "import",
       .synopsis = "FILE [--format NAME] [--isolation none] [--json]",
       .summary = "take over the servers of a harness's MCP configuration, as data",
       .details = "Reads the files of Claude Code, Claude Desktop, Cursor, VS Code, Codex (TOML), "
                  "Gemini CLI and\n"
                  "Windsurf. Nothing in them is run, contacted or believed. Says, with its line, "
                  "what was changed\n"
                  "or left out, and what looks dangerous.",
       .options = {{.name = "format",
                    .value = "NAME",
                    .help = "claude-code, claude-desktop, cursor, vscode, codex or gemini"},
                   {.name = "isolation",
                    .value = "KIND",
                    .help = "none: run its local servers without a sandbox"},
                   json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = import_command},
  };
}

std::vector<Command> harness_commands() {
  const Option scope = {
      .name = "scope", .value = "user|project", .help = "whose file; user by default"};
  const Option file = {.name = "file", .value = "FILE", .help = "this file instead"};
  return {
      {.name = "install",
       .synopsis = "CLIENT [--scope user|project] [--file FILE] [--print]",
       .summary = "enter the gateway into a harness's configuration",
       .details =
           "CLIENT is claude-code, claude-desktop, cursor, vscode, codex or gemini. All else "
           "in the file stays\n"
           "as it is, and what it held before is kept as FILE.toolgate-backup. Says which "
           "servers there\n"
           "still bypass the gateway.",
       .options = {scope, file, {.name = "print", .help = "show the entry; write nothing"}},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = install_command},
      {.name = "uninstall",
       .synopsis = "CLIENT [--scope user|project] [--file FILE]",
       .summary = "take the gateway out of a harness's configuration again",
       .details =
           "Gives the file its former bytes back where nothing else in it has changed since.",
       .options = {scope, file},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = uninstall_command},
  };
}

std::vector<Command> trust_commands() {
  return {
      {.name = "freeze",
       .synopsis = "SERVER [--signature FILE] [--json]",
       .summary = "keep what of a local server will run from then on: package, folder or program",
       .details =
           "An npm package (`npx`, `npm exec`) is resolved and installed once, in a sandbox and "
           "with install\n"
           "scripts off; of `node FOLDER/server.js`, `python3 FOLDER/server.py`, a script or a "
           "program the\n"
           "folder or file is copied. What came is made read-only and described by a manifest, "
           "the interpreter\n"
           "included, and each start runs a copy that is compared with it. A range or a tag is "
           "resolved now,\n"
           "and again by the next freeze: what was approved then waits for a review, unless "
           "exactly the same\n"
           "came. Packages from git, files and addresses are refused; so are uvx, pip, "
           "containers and shells.\n"
           "The user's .npmrc says which registry is asked; its tokens stay behind.\n"
           "Where the configuration asks for a publisher's signature (\"require_signature\"), the "
           "manifest must\n"
           "be signed, in minisign's format: freeze, have the manifest signed, and give the "
           "signature.",
       .options = {{.name = "signature",
                    .value = "FILE",
                    .help = "the publisher's signature of the manifest, checked and kept with it"},
                   json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = freeze_command},
      {.name = "approve",
       .synopsis = "SERVER [ITEM...] [--class LIST] [--key NAME|FILE] [--expires TIME]",
       .summary = "sign an approval of exactly what `review` last showed of a server",
       .details = "An ITEM is a tool's or prompt's name, a resource's URI, or \"instructions\"; "
                  "KIND:NAME where\n"
                  "a name alone could mean two. Without one, everything that was shown is "
                  "approved. The key's\n"
                  "passphrase is asked for on the terminal, or read from the file that "
                  "TOOLGATE_PASSPHRASE_FILE\n"
                  "names. Where the configuration asks for two keys (\"dual\"), it counts once "
                  "another key has\n"
                  "approved the same. Exit status 3 when findings stand in the way.",
       .options = {{.name = "accept-findings",
                    .help = "approve in spite of findings that withhold"},
                   {.name = "class",
                    .value = "LIST",
                    .help =
                        "only changes of these classes, as review shows them: cosmetic,narrowed"},
                   {.name = "expires",
                    .value = "TIME",
                    .help = "end of the approval: 30d, or an RFC 3339 time"},
                   signer,
                   json},
       .least_arguments = 1,
       .most_arguments = 100'000,
       .run = approve_command},
      {.name = "revoke",
       .synopsis = "SERVER [ITEM...] [--key NAME|FILE]",
       .summary = "withdraw approvals: running gateways stop offering those items",
       .details =
           "A revocation is signed as an approval is, so that nobody who can write the store "
           "can undo it.",
       .options = {signer},
       .least_arguments = 1,
       .most_arguments = 100'000,
       .run = revoke_command},
      {.name = "agent add",
       .synopsis = "NAME [--json]",
       .summary = "let an agent call `serve`; prints its bearer token, once",
       .details = "Only a hash of the token is kept. From the first agent on, every call over HTTP "
                  "needs a token.",
       .options = {json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = agent_add_command},
      {.name = "agent list",
       .synopsis = "[--json]",
       .summary = "show who may call",
       .details = "",
       .options = {json},
       .run = agent_list_command},
      {.name = "agent remove",
       .synopsis = "NAME",
       .summary = "make an agent's token worthless",
       .details = "",
       .least_arguments = 1,
       .most_arguments = 1,
       .run = agent_remove_command},
  };
}

std::vector<Command> signature_commands() {
  return {
      {.name = "sign",
       .synopsis = "FILE [--key NAME|FILE] [--comment TEXT] [--output FILE] [--force]",
       .summary = "sign a file, in minisign's format",
       .details = "The key is one of the home, `admin` by default, or a file (with a slash or .key "
                  "in its name):\n"
                  "toolgate's own or minisign's. Its passphrase is asked for on the terminal, or "
                  "read from the\n"
                  "file that TOOLGATE_PASSPHRASE_FILE names. `minisign -V` verifies what comes of "
                  "it. The use of\n"
                  "a key of the home is recorded.",
       .options = {{.name = "key", .value = "NAME|FILE", .help = "who signs; admin by default"},
                   {.name = "comment",
                    .value = "TEXT",
                    .help = "what the signature says; the time and the file's name by default"},
                   {.name = "output", .value = "FILE", .help = "FILE.minisig by default"},
                   {.name = "force", .help = "replace a signature that is there"}},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = sign_command},
      {.name = "verify",
       .synopsis = "FILE --key PUB [--signature FILE] [--json]",
       .summary = "say whether a file is what a key signed, in minisign's format",
       .details = "PUB is a .pub file, or the key itself: 56 characters of base64. Exit status 0: "
                  "it is; 3: it is not;\n"
                  "1: that could not be examined. Legacy signatures (`minisign -S -l`) hold for "
                  "files of 256 MiB at most.",
       .options = {{.name = "key", .value = "PUB", .help = "whose signature it must be"},
                   {.name = "signature", .value = "FILE", .help = "FILE.minisig by default"},
                   json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = verify_command},
  };
}

Command inspection_command() {
  return {.name = "inspect",
          .synopsis = "[FILE] [--surface result|definition] [--json | --jsonl] | --rules [--json]",
          .summary = "judge a text as the gateway would, and show where its findings stand",
          .details =
              "Without FILE, or with -, the text is read from standard input. Nothing is "
              "stored, run or sent.\n"
              "The verdict is allow, sanitise, wrap, quarantine or refuse. Exit status 3: "
              "another one than allow;\n"
              "1 with --jsonl: some line was no record, and its output says which.",
          .options = {{.name = "surface",
                       .value = "WHERE",
                       .help = "where the text stands: result (the default) or definition, where "
                               "the same signs weigh more"},
                      {.name = "json", .help = "one object"},
                      {.name = "jsonl",
                       .help = "one {\"id\",\"text\"} a line in, one judgement a line out"},
                      {.name = "rules", .help = "list every sign that is looked for"}},
          .most_arguments = 1,
          .run = inspect_command};
}

std::vector<Command> decision_commands() {
  constexpr std::size_t many = 100'000;
  return {
      {.name = "approvals list",
       .synopsis = "[--json]",
       .summary = "show what was refused and waits for a decision, the oldest first",
       .details = "In a staged rw-no-delete scope: names that a server wanted to remove, move or "
                  "replace.",
       .options = {json},
       .run = approvals_list_command},
      {.name = "approvals show",
       .synopsis = "ID [--json]",
       .summary = "show everything about one of them",
       .details = "",
       .options = {json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = approvals_show_command},
      {.name = "approvals allow",
       .synopsis = "ID...",
       .summary = "make the change now, exactly as it was asked for",
       .details = "Refused where another file stands there by now. The content that disappears is "
                  "kept (`toolgate kept`).",
       .least_arguments = 1,
       .most_arguments = many,
       .run = approvals_allow_command},
      {.name = "approvals deny",
       .synopsis = "ID...",
       .summary = "leave everything as it is; the same is not asked again of the same file",
       .details = "",
       .least_arguments = 1,
       .most_arguments = many,
       .run = approvals_deny_command},
      {.name = "approvals watch",
       .synopsis = "[--json]",
       .summary = "show what waits, and what comes, until interrupted",
       .details = "",
       .options = {json},
       .run = approvals_watch_command},
      {.name = "kept list",
       .synopsis = "[--json]",
       .summary = "show what files in staged scopes held before a server changed them",
       .details = "Up to 4 GiB a server; then it can change no more until some is discarded.",
       .options = {json},
       .run = kept_list_command},
      {.name = "kept show",
       .synopsis = "ID",
       .summary = "print a kept content, byte for byte",
       .details = "",
       .least_arguments = 1,
       .most_arguments = 1,
       .run = kept_show_command},
      {.name = "kept restore",
       .synopsis = "ID [--to FILE]",
       .summary = "put a content back where it was; what stands there now is kept in turn",
       .details = "",
       .options = {{.name = "to", .value = "FILE", .help = "write this file instead"}},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = kept_restore_command},
      {.name = "kept discard",
       .synopsis = "ID... | --before TIME",
       .summary = "forget kept contents",
       .details = "TIME is RFC 3339, or an age: 30d.",
       .options = {{.name = "before", .value = "TIME", .help = "all that are older"}},
       .most_arguments = many,
       .run = kept_discard_command},
  };
}

std::vector<Command> audit_commands() {
  return {
      {.name = "audit query",
       .synopsis = "[OPTIONS]",
       .summary = "show records of the tool-call log, the oldest first",
       .details = "Times are RFC 3339 (2026-11-21T03:40:17Z, 2026-11-21) or an age: 90s, 10m, 2h, "
                  "1d, 1w.\n"
                  "In CSV, a text that a spreadsheet would take for a formula is preceded by an "
                  "apostrophe.",
       .options =
           with_filters({{.name = "since", .value = "TIME", .help = "from this time on"},
                         {.name = "until", .value = "TIME", .help = "before this time"},
                         {.name = "limit", .value = "N", .help = "the newest N; 100 by default"},
                         json,
                         {.name = "csv", .help = "comma-separated values (RFC 4180)"}}),
       .run = audit_query_command},
      {.name = "audit show",
       .synopsis = "ID",
       .summary = "show everything that one record says",
       .details = "",
       .options = {json},
       .least_arguments = 1,
       .most_arguments = 1,
       .run = audit_show_command},
      {.name = "audit tail",
       .synopsis = "[OPTIONS]",
       .summary = "show the newest records; with --follow, go on as they come",
       .details = "",
       .options = with_filters(
           {{.name = "limit", .value = "N", .help = "how many to begin with; 20 by default"},
            {.name = "follow", .help = "until it is interrupted"},
            json}),
       .run = audit_tail_command},
  };
}

}  // namespace

const std::vector<Command>& local_commands() {
  static const std::vector<Command> table = [] {
    std::vector<Command> all = {
        {.name = "init",
         .synopsis = "",
         .summary = "make the home: configuration, administrator key, empty store",
         .details = "Keeps what is there already. Asks for the key's passphrase on a terminal (or "
                    "takes it from\n"
                    "the file that TOOLGATE_PASSPHRASE_FILE names); without one the key is kept in "
                    "the clear,\n"
                    "readable for this user alone.",
         .run = init_command},
    };
    for (const auto& part :
         {server_commands(), harness_commands(), trust_commands(), key_commands(),
          signature_commands(), decision_commands(), audit_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    all.push_back(inspection_command());
    all.push_back({.name = "status",
                   .synopsis = "[--json]",
                   .summary = "show servers, what is approved of them, and their processes",
                   .details = "",
                   .options = {json},
                   .run = status_command});
    all.push_back(
        {.name = "doctor",
         .synopsis = "[--json]",
         .summary = "show what this machine can enforce, and what is missing",
         .details = "Exit status 3 when something is missing.",
         .options = {json,
                     {.name = "protected", .help = "print the names that no server may change"}},
         .run = doctor_command});
    all.push_back({.name = "completion",
                   .synopsis = "bash|zsh|fish",
                   .summary = "print a completion script for a shell",
                   .details =
                       "bash: source <(toolgate completion bash)\n"
                       "zsh:  toolgate completion zsh > \"${fpath[1]}/_toolgate\"\n"
                       "fish: toolgate completion fish > ~/.config/fish/completions/toolgate.fish",
                   .least_arguments = 1,
                   .most_arguments = 1,
                   .run = completion_command});
    return all;
  }();
  return table;
}

}  // namespace toolgate
