// `toolgate kept`: the content that files in staged scopes had before a server changed them.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "connectors/descriptor.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/file_records.hpp"
#include "gateway/cli/home.hpp"
#include "gateway/cli/time_text.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/document.hpp"
#include "gateway/core/json_text.hpp"
#include "gateway/store/content_copy.hpp"
#include "gateway/store/custody_book.hpp"
#include "gateway/store/restored_content.hpp"

namespace toolgate {
namespace {

std::string json_of(const KeptContent& content) {
  std::string path;
  if (is_utf8(content.path)) {
    append_json_quote(path, content.path);
  } else {
    append_ascii_quote(path, content.path);
  }
  return "{\"id\":" + json_quote(content.id) +
         ",\"time\":" + json_quote(utc_text(content.time_ns)) +
         ",\"server\":" + json_quote(content.server) + ",\"path\":" + path +
         ",\"kind\":" + json_quote(kind_name(content.kind)) +
         ",\"bytes\":" + std::to_string(content.bytes) + "}";
}

Result<KeptContent> find(CustodyBook& book, const std::string& id) {
  auto content = book.kept(id);
  if (!content) return content.refusal();
  if (!*content) {
    return Refusal(Reason::not_found, "no content is kept under the id " + visible(id) +
                                          ": `toolgate kept list` shows what is");
  }
  return std::move(**content);
}

// Of the content, without what was done.
Record record_of(const KeptContent& content, const char* method) {
  Record record;
  record.server = content.server;
  record.method = method;
  record.arguments = json_of(content);
  return record;
}

Status record_file(const Invocation& call, const char* kind, Record record,
                   const std::string& reason) {
  record.kind = kind;
  record.decision = "allow";
  record.reason = reason;
  return record_act(call, std::move(record));
}

}  // namespace

int kept_list_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  auto contents = (*book)->kept();
  if (!contents) return fail(call.console, contents.refusal());
  Table table({{"ID", Table::Fit::keep},
               {"TIME", Table::Fit::keep},
               {"SERVER", Table::Fit::shrink},
               {"BYTES", Table::Fit::keep},
               {"PATH", Table::Fit::shrink}});
  for (const KeptContent& content : *contents) {
    if (call.has("json")) {
      call.console.out << json_line(call.console, json_of(content)) << '\n';
    } else {
      table.add({content.id, short_time(content.time_ns), content.server,
                 std::to_string(content.bytes), content.path});
    }
  }
  if (!table.empty()) table.print(call.console);
  if (contents->empty() && !call.has("json")) {
    call.console.error << "nothing is kept" << std::endl;
  }
  return exit_status::done;
}

// The bytes as they are.
int kept_show_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  auto content = find(**book, call.arguments[0]);
  if (!content) return fail(call.console, content.refusal());
  const std::string file = (*book)->content_file(content->id).string();
  const Descriptor stored(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  call.console.out << std::flush;
  errno = stored ? stream_content(stored.number(), STDOUT_FILENO) : errno;
  if (errno == 0) return exit_status::done;
  return fail(call.console, Refusal(Reason::storage, "the content " + file + " cannot be shown: " +
                                                         std::strerror(errno)));
}

int kept_restore_command(const Invocation& call) {
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  auto content = find(**book, call.arguments[0]);
  if (!content) return fail(call.console, content.refusal());
  std::error_code ignored;
  const auto given = call.option("to");
  const std::string path =
      given ? std::filesystem::absolute(*given, ignored).lexically_normal().string()
            : content->path;
  Status recorded = record_file(call, "file.restored", record_of(*content, "restore"),
                                "an administrator, content " + content->id + " to " + path);
  if (!recorded) return fail(call.console, recorded.refusal());
  auto restored = restore_content(**book, *content, path);
  recorded = record_file_outcome(call, record_of(*content, "restore"), restored);
  if (!restored) return fail(call.console, restored.refusal());
  call.console.out << "restored " << visible(path)
                   << (*restored ? "; what it held until now is kept: " + **restored
                                 : std::string())
                   << std::endl;
  return recorded ? exit_status::done : fail(call.console, recorded.refusal());
}

int kept_discard_command(const Invocation& call) {
  const auto before = call.option("before");
  if (before.has_value() == !call.arguments.empty()) {
    return fail_usage(call.console, "name contents by their ids, or --before TIME",
                      call.command.name);
  }
  auto book = CustodyBook::open(call.home);
  if (!book) return fail(call.console, book.refusal());
  std::vector<std::string> ids = call.arguments;
  if (before) {
    auto until = parse_time(*before);
    if (!until) return fail_usage(call.console, until.refusal().detail, call.command.name);
    auto contents = (*book)->kept();
    if (!contents) return fail(call.console, contents.refusal());
    for (const KeptContent& content : *contents) {
      if (content.time_ns < *until) ids.push_back(content.id);
    }
  }
  std::uint64_t bytes = 0;
  for (const std::string& id : ids) {
    auto content = find(**book, id);
    if (!content) return fail(call.console, content.refusal());
    Status recorded = record_file(call, "file.discarded", record_of(*content, "discard"),
                                  "an administrator, content " + id);
    if (!recorded) return fail(call.console, recorded.refusal());
    Status discarded = (*book)->discard(id);
    if (!discarded) {
      recorded = record_file_outcome(call, record_of(*content, "discard"), discarded.refusal());
      return fail(call.console, recorded ? discarded.refusal() : recorded.refusal());
    }
    bytes += content->bytes;
  }
  call.console.out << "discarded " << ids.size() << (ids.size() == 1 ? " content" : " contents")
                   << ", " << bytes << " bytes" << std::endl;
  return exit_status::done;
}

}  // namespace toolgate
