#include "gateway/cli/commands.hpp"

namespace toolgate {

const std::vector<Command>& broker_commands() {
  static const std::vector<Command> table = {
      {.name = "review",
       .synopsis = "[SERVER] [--yes] [--full]",
       .summary = "start or contact servers and show what they offer, and what waits for approval",
       .details =
           "First shows what would run, with what it may reach and what is suspicious about it. A "
           "server\n"
           "that was never reviewed like this is started only when it is named, with --yes, or "
           "after the\n"
           "question on the terminal; its files are read-only for the review. Then shows each "
           "definition,\n"
           "what the inspectors found in it, and how it differs from what was approved: words that "
           "changed\n"
           "are marked, characters that hide are named. `toolgate approve` then signs exactly what "
           "was shown.",
       .options = {{.name = "yes", .help = "start or contact servers that were never reviewed"},
                   {.name = "full", .help = "fold nothing"},
                   {.name = "widen",
                    .value = "WHAT",
                    .help = "files: the server may write where its file scopes let it"},
                   {.name = "json", .help = "one object a line"}},
       .most_arguments = 1,
       .run = review_command},
      {.name = "stdio",
       .synopsis = "[--agent NAME]",
       .summary = "be an MCP server on stdin and stdout, for a harness that starts it",
       .details = "Put this command into the MCP configuration of the harness, in the place of its "
                  "servers.",
       .options = {{.name = "agent",
                    .value = "NAME",
                    .help = "who calls, for profiles and the log; local by default"}},
       .run = stdio_command},
      {.name = "serve",
       .synopsis = "[--listen ADDR:PORT] [--socket PATH]",
       .summary = "be an MCP server for many agents, over Streamable HTTP at /mcp",
       .details =
           "Agents authenticate with a bearer token (`toolgate agent add`). As long as no agent "
           "was\n"
           "added, the gateway's own user may call from this machine without one. SIGTERM stops "
           "it\n"
           "in good order; SIGHUP reads the configuration again, as a change of the file does.",
       .options = {{.name = "listen",
                    .value = "ADDR:PORT",
                    .help = "the configuration's `listen` by default; port 0 takes any free one"},
                   {.name = "socket",
                    .value = "PATH",
                    .help = "also serve `toolgate connect` on this unix socket"}},
       .run = serve_command},
      {.name = "connect",
       .synopsis = "[--agent NAME] [--socket PATH]",
       .summary = "pass stdin and stdout on to a running `serve`, for a harness inside a sandbox",
       .details = "",
       .options = {{.name = "agent", .value = "NAME", .help = "who calls; local by default"},
                   {.name = "socket",
                    .value = "PATH",
                    .help = "the socket of `serve`; the one in the home by default"}},
       .run = connect_command},
      {.name = "run",
       .synopsis = "[OPTIONS] -- COMMAND...",
       .summary = "run an agent in a sandbox whose only tools are the gateway's",
       .details =
           "The agent sees its workspace, the system's programs and an empty home; no network but "
           "the\n"
           "gateway's endpoint, http://127.0.0.1:8808/mcp, which stands in the environment "
           "(TOOLGATE_MCP_URL)\n"
           "and in the files of Claude Code, Codex, Cursor and Gemini CLI in that home. It has no "
           "way to the\n"
           "administrator's key, the log or another user's files. Ends with the agent's exit "
           "status.",
       .options = {{.name = "agent",
                    .value = "NAME",
                    .help = "who calls, for profiles and the log; local by default"},
                   {.name = "workspace",
                    .value = "FOLDER",
                    .help = "what it may read and write; the working directory by default"},
                   {.name = "ro",
                    .value = "PATH",
                    .help = "what else it may read",
                    .count = Option::Count::many},
                   {.name = "rw",
                    .value = "PATH",
                    .help = "what else it may read and write",
                    .count = Option::Count::many},
                   {.name = "rw-no-delete",
                    .value = "PATH",
                    .help = "the same, but what was there before cannot be deleted or renamed",
                    .count = Option::Count::many},
                   {.name = "env",
                    .value = "NAME=VALUE",
                    .help = "environment of the agent, which else has next to none",
                    .count = Option::Count::many}},
       .rest = Command::Rest::command,
       .run = run_command_in_sandbox},
  };
  return table;
}

}  // namespace toolgate
