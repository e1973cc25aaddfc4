#pragma once
// What a command is. One table (table.cpp and broker_table.cpp) lists them all: it drives parsing,
// help, suggestions and shell completion, so a command is added in one place and its function in
// one file.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/cli/console.hpp"
#include "gateway/core/result.hpp"

namespace toolgate {

namespace exit_status {
constexpr int done = 0;
constexpr int failed = 1;
constexpr int usage = 2;
constexpr int findings = 3;
}  // namespace exit_status

struct Option {
  std::string_view name;        // without its dashes
  std::string_view value = {};  // what stands for its value in the help; empty: it takes none
  std::string_view help = {};
  enum class Count { once, many } count = Count::once;
};

struct Invocation;

struct Command {
  std::string_view name;      // "server add"
  std::string_view synopsis;  // what follows the name
  std::string_view summary;   // one line, no full stop
  std::string_view details;   // paragraphs for its own help
  std::vector<Option> options = {};
  std::size_t least_arguments = 0;
  std::size_t most_arguments = 0;
  enum class Rest { none, command } rest = Rest::none;  // may "-- COMMAND…" follow?
  int (*run)(const Invocation&) = nullptr;
};

// One call of a command, checked against the table.
struct Invocation {
  const Command& command;
  std::span<const Command> table;
  Console& console;
  std::filesystem::path home;           // absolute
  std::filesystem::path configuration;  // absolute
  std::vector<std::pair<std::string, std::string>> options = {};
  std::vector<std::string> arguments = {};
  std::vector<std::string> rest = {};  // what follows "--"

  bool has(std::string_view option) const;
  std::optional<std::string> option(std::string_view name) const;
  std::string option_or(std::string_view name, std::string_view otherwise) const;
  std::vector<std::string> all(std::string_view option) const;
};

// Finds the command in the table and runs it. `words` are argv without the program's name.
int dispatch(std::span<const Command> table, const std::vector<std::string>& words,
             Console& console);

// Options that every command takes.
std::span<const Option> global_options();

// Prints "toolgate: …" and answers the exit status that belongs to the reason.
int fail(Console& console, const Refusal& refusal);
int fail_usage(Console& console, std::string_view text, std::string_view help_of);

void print_help(Console& console, std::span<const Command> table);
void print_help(Console& console, const Command& command);
// For a word that is no command: the nearest one, or "".
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

// The keys of a home (keys_table.cpp).
std::vector<Command> key_commands();
// The commands that need no broker, and those that do.
const std::vector<Command>& local_commands();
const std::vector<Command>& broker_commands();

int init_command(const Invocation& call);
int server_add_command(const Invocation& call);
int server_list_command(const Invocation& call);
int server_remove_command(const Invocation& call);
int import_command(const Invocation& call);
int install_command(const Invocation& call);
int uninstall_command(const Invocation& call);
int freeze_command(const Invocation& call);
int approve_command(const Invocation& call);
int revoke_command(const Invocation& call);
int approvals_list_command(const Invocation& call);
int approvals_show_command(const Invocation& call);
int approvals_allow_command(const Invocation& call);
int approvals_deny_command(const Invocation& call);
int approvals_watch_command(const Invocation& call);
int kept_list_command(const Invocation& call);
int kept_show_command(const Invocation& call);
int kept_restore_command(const Invocation& call);
int kept_discard_command(const Invocation& call);
int agent_add_command(const Invocation& call);
int agent_list_command(const Invocation& call);
int agent_remove_command(const Invocation& call);
int audit_query_command(const Invocation& call);
int audit_show_command(const Invocation& call);
int audit_tail_command(const Invocation& call);
int keys_list_command(const Invocation& call);
int keys_show_command(const Invocation& call);
int keys_new_command(const Invocation& call);
int keys_passphrase_command(const Invocation& call);
int keys_add_command(const Invocation& call);
int keys_rotate_command(const Invocation& call);
int keys_revoke_command(const Invocation& call);
int keys_reset_command(const Invocation& call);
int sign_command(const Invocation& call);
int verify_command(const Invocation& call);
int status_command(const Invocation& call);
int doctor_command(const Invocation& call);
int inspect_command(const Invocation& call);
int completion_command(const Invocation& call);

int review_command(const Invocation& call);
int stdio_command(const Invocation& call);
int serve_command(const Invocation& call);
int connect_command(const Invocation& call);
int run_command_in_sandbox(const Invocation& call);

}  // namespace toolgate
