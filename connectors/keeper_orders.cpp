#include "connectors/keeper_orders.hpp"

#include <unistd.h>

#include <charconv>
#include <limits>
#include <string_view>

#include "connectors/ended_fields.hpp"

namespace toolgate {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool text(std::string& into) {
    const std::size_t end = text_.find('\0', at_);
    if (end == std::string_view::npos) return false;
    into = text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }
  template <class Number>
  bool number(Number& into) {
    std::string field;
    if (!text(field)) return false;
    std::uint64_t value = 0;
    auto [last, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || last != field.data() + field.size()) return false;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) return false;
    into = static_cast<Number>(value);
    return true;
  }
  bool list(std::vector<std::string>& into) {
    std::size_t count = 0;
    if (!number(count) || count > text_.size()) return false;
    for (std::size_t i = 0; i < count; ++i) {
      std::string field;
      if (!text(field)) return false;
      into.push_back(std::move(field));
    }
    return true;
  }
  bool bytes(std::size_t count, std::string& into) {
    if (count > text_.size() - at_) return false;
    into = text_.substr(at_, count);
    at_ += count;
    return true;
  }
  bool is_at_end() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void write_plan(EndedFields& fields, const SandboxPlan& plan) {
  fields.add(static_cast<std::uint64_t>(plan.tier));
  fields.add(plan.files.size());
  for (const FileScope& scope : plan.files) {
    fields.add(scope.path.native());
    fields.add(static_cast<std::uint64_t>(scope.mode));
    fields.add(scope.exec ? 1 : 0);
    fields.add(scope.is_staged ? 1 : 0);
  }
  fields.add_list(plan.programs);
  fields.add_list(plan.protect);
  fields.add_list(plan.forbidden);
  fields.add(plan.home);
  for (std::size_t limit : {plan.limits.memory_mb, plan.limits.processes, plan.limits.cpu_s,
                            plan.limits.open_files, plan.limits.file_mb}) {
    fields.add(limit);
  }
  fields.add(static_cast<std::uint64_t>(plan.limits.tree));
  fields.add(plan.home_files.size());
  for (const auto& [path, content] : plan.home_files) {
    fields.add(path);
    fields.add(content);
  }
  fields.add(plan.terminal ? 1 : 0);
  fields.add(plan.doors.size());
  for (std::uint16_t port : plan.doors) fields.add(port);
}

bool read_plan(Reader& reader, SandboxPlan& plan) {
  int tier = 0;
  std::size_t count = 0;
  if (!reader.number(tier) || tier > static_cast<int>(SandboxTier::vm) || !reader.number(count)) {
    return false;
  }
  plan.tier = static_cast<SandboxTier>(tier);
  for (std::size_t i = 0; i < count; ++i) {
    std::string path;
    int mode = 0;
    int exec = 0;
    int staged = 0;
    if (!reader.text(path) || !reader.number(mode) || !reader.number(exec) ||
        !reader.number(staged) || mode > 2) {
      return false;
    }
    plan.files.push_back(FileScope{path, static_cast<FileMode>(mode), exec == 1, staged == 1});
  }
  SandboxLimits& limits = plan.limits;
  int tree = 0;
  if (!reader.list(plan.programs) || !reader.list(plan.protect) || !reader.list(plan.forbidden) ||
      !reader.text(plan.home) || !reader.number(limits.memory_mb) ||
      !reader.number(limits.processes) || !reader.number(limits.cpu_s) ||
      !reader.number(limits.open_files) || !reader.number(limits.file_mb) || !reader.number(tree) ||
      tree > static_cast<int>(TreeLimit::required) || !reader.number(count)) {
    return false;
  }
  limits.tree = static_cast<TreeLimit>(tree);
  for (std::size_t i = 0; i < count; ++i) {
    std::pair<std::string, std::string> file;
    if (!reader.text(file.first) || !reader.text(file.second)) return false;
    plan.home_files.push_back(std::move(file));
  }
  int terminal = 0;
  if (!reader.number(terminal) || !reader.number(count)) return false;
  plan.terminal = terminal == 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t port = 0;
    if (!reader.number(port)) return false;
    plan.doors.push_back(port);
  }
  return true;
}

bool read_filters(Reader& reader, CallFilters& filters) {
  std::size_t calls = 0;
  std::size_t guest = 0;
  std::size_t stops = 0;
  return reader.number(calls) && reader.number(guest) && reader.number(stops) &&
         reader.bytes(calls, filters.calls) && reader.bytes(guest, filters.guest) &&
         reader.bytes(stops, filters.stops);
}

void write_frozen(EndedFields& fields, const FrozenSource& frozen) {
  fields.add(frozen.package, frozen.manifest.text(), frozen.at, frozen.bytes);
}

bool read_frozen(Reader& reader, FrozenSource& frozen) {
  std::string digest;
  if (!reader.text(frozen.package) || !reader.text(digest) || !reader.text(frozen.at) ||
      !reader.number(frozen.bytes)) {
    return false;
  }
  const auto manifest = Digest::parse(digest);
  if (manifest) frozen.manifest = *manifest;
  return static_cast<bool>(manifest);
}

}  // namespace

std::string keeper_orders_text(const KeeperOrders& orders, const CallFilters& filters, int parent) {
  EndedFields fields;
  fields.add(static_cast<std::uint64_t>(parent));
  fields.add(orders.umask);
  fields.add(inherited_descriptor_limit());
  fields.add(orders.cwd);
  fields.add_list(orders.argv);
  fields.add(orders.env.size());
  for (const auto& [name, value] : orders.env) fields.add(name + "=" + value);
  fields.add_list(orders.leftovers);
  fields.add(orders.frozen ? 1 : 0);
  if (orders.frozen) write_frozen(fields, *orders.frozen);
  fields.add(orders.sandbox ? 1 : 0);
  if (!orders.sandbox) return std::move(fields).text();
  write_plan(fields, *orders.sandbox);
  fields.add(filters.calls.size(), filters.guest.size(), filters.stops.size());
  return std::move(fields).text() + filters.calls + filters.guest + filters.stops;
}

std::optional<ReceivedOrders> parse_keeper_orders(const std::string& text) {
  Reader reader(text);
  ReceivedOrders orders;
  int is_frozen = 0;
  int has_sandbox = 0;
  if (!reader.number(orders.parent) || !reader.number(orders.umask) ||
      !reader.number(orders.descriptors) || !reader.text(orders.cwd) || !reader.list(orders.argv) ||
      !reader.list(orders.env) || !reader.list(orders.leftovers) || !reader.number(is_frozen)) {
    return std::nullopt;
  }
  if (is_frozen != 0 && !read_frozen(reader, orders.frozen.emplace())) return std::nullopt;
  if (!reader.number(has_sandbox)) return std::nullopt;
  if (has_sandbox != 0) {
    orders.sandbox.emplace();
    if (!read_plan(reader, *orders.sandbox) || !read_filters(reader, orders.filters)) {
      return std::nullopt;
    }
  }
  if (!reader.is_at_end() || (orders.argv.empty() && orders.leftovers.empty())) return std::nullopt;
  return orders;
}

std::optional<ReceivedOrders> read_keeper_orders(int file) {
  std::string text;
  char part[4096];
  off_t at = 0;
  while (const ssize_t count = ::pread(file, part, sizeof part, at)) {
    if (count < 0) return std::nullopt;
    text.append(part, static_cast<std::size_t>(count));
    at += count;
  }
  return parse_keeper_orders(text);
}

}  // namespace toolgate
