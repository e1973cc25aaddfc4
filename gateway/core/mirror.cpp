#include "gateway/core/mirror.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "gateway/core/base64.hpp"
#include "gateway/core/safe_integer.hpp"

namespace toolgate {
namespace {

constexpr std::string_view encoded_prefix = "=?base64?";
constexpr std::string_view encoded_suffix = "?=";
constexpr std::string_view annotation = "x-mcp-header";
constexpr std::size_t path_bytes = 1'024;

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower_case, lower_case);
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view without_outer_spaces(std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  return value;
}

// RFC 9110 section 5.5, without obs-text.
bool is_field_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; });
}

// "=?base64?=" does, too: a reader who looks at both ends alone would take it for the base64 form.
bool looks_encoded(std::string_view value) {
  return value.starts_with(encoded_prefix) && value.ends_with(encoded_suffix);
}

// Does this header value mean exactly `text`?
bool says(std::string_view value, std::string_view text) {
  value = without_outer_spaces(value);
  if (!looks_encoded(value)) return value == text && is_field_value(value);
  return decode_header_value(value) == text;
}

Refusal mismatch(std::string text) { return Refusal(Reason::header_mismatch, std::move(text)); }

Refusal missing(std::string_view header) {
  return mismatch("the header " + std::string(header) + " is missing");
}

Refusal differs(std::string_view header) {
  return mismatch("the header " + std::string(header) + " does not say what the body says");
}

// A header whose value stands there as it is, always.
Status check_plain(std::string_view name, std::optional<std::string_view> value,
                   std::string_view text, const Message& message) {
  if (!value) return message.is_request() ? Status(missing(name)) : done();
  const std::string_view said = without_outer_spaces(*value);
  return said == text && is_field_value(said) ? done() : Status(differs(name));
}

struct MirroredMember {
  std::string_view method;
  std::string_view member;
};
constexpr std::array mirrored_members{
    MirroredMember{"tools/call", "name"},     MirroredMember{"prompts/get", "name"},
    MirroredMember{"resources/read", "uri"},  MirroredMember{"tasks/get", "taskId"},
    MirroredMember{"tasks/update", "taskId"}, MirroredMember{"tasks/cancel", "taskId"},
};

std::string_view mirrored_member(std::string_view method) {
  for (const MirroredMember& row : mirrored_members) {
    if (row.method == method) return row.member;
  }
  return "";
}

std::optional<Value> name_value(const Message& message, std::string_view member) {
  const auto params = message.params();
  auto value = params ? params->find(member) : std::nullopt;
  return value && value->is_string() ? value : std::nullopt;
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

// Where a schema stands in the whole: what may be annotated is a property that `properties` alone
// lead to.
enum class Standing : std::uint8_t { root, property, elsewhere };

class AnnotationReader {
 public:
  Status read(const Value& schema, Standing standing);
  std::vector<MirroredArgument> take() { return std::move(found_); }

 private:
  Status read_keyword(const Value& value, Standing standing);
  Status read_schemas(const Value& schemas, Standing standing);
  Status read_named(const Value& schemas, Standing standing);
  Status add(const Value& schema, const Value& header);

  std::vector<Value> path_;  // the properties on the way to this one
  std::unordered_set<std::string> headers_;
  std::vector<MirroredArgument> found_;
};

Refusal bad_annotation(std::string text) {
  return Refusal(Reason::bad_answer, std::string(annotation) + " " + std::move(text));
}

Status AnnotationReader::read(const Value& schema, Standing standing) {
  if (!schema.is_object()) return read_schemas(schema, Standing::elsewhere);
  for (auto keyword = schema.first(); keyword; keyword = keyword->following(schema)) {
    Status read = done();
    if (!keyword->is_named(annotation)) {
      read = read_keyword(*keyword, standing);
    } else if (standing == Standing::property) {
      read = add(schema, *keyword);
    } else {
      read = bad_annotation("stands where `properties` alone do not lead");
    }
    if (!read) return read;
  }
  return done();
}

Status AnnotationReader::read_keyword(const Value& value, Standing standing) {
  for (const std::string_view data : {"const", "default", "enum", "examples"}) {
    if (value.is_named(data)) return done();
  }
  if (value.is_named("properties")) {
    return read_named(value,
                      standing == Standing::elsewhere ? Standing::elsewhere : Standing::property);
  }
  for (const std::string_view names :
       {"$defs", "definitions", "patternProperties", "dependentSchemas", "dependencies"}) {
    if (value.is_named(names)) return read_named(value, Standing::elsewhere);
  }
  return read(value, Standing::elsewhere);
}

// An array of schemas, or a value that is none.
Status AnnotationReader::read_schemas(const Value& schemas, Standing standing) {
  for (auto schema = schemas.first(); schema; schema = schema->following(schemas)) {
    Status read_one = read(*schema, standing);
    if (!read_one) return read_one;
  }
  return done();
}

// An object whose members' names are no keywords.
Status AnnotationReader::read_named(const Value& schemas, Standing standing) {
  if (!schemas.is_object()) return read_schemas(schemas, Standing::elsewhere);
  for (auto schema = schemas.first(); schema; schema = schema->following(schemas)) {
    path_.push_back(*schema);
    Status read_one = read(*schema, standing);
    if (!read_one) return read_one;
    path_.pop_back();
  }
  return done();
}

Status AnnotationReader::add(const Value& schema, const Value& header) {
  if (!header.is_string()) return bad_annotation("must be a string");
  std::string name = header.text();
  if (!is_token(name)) return bad_annotation("must be a token of RFC 9110");
  const auto type = schema.find("type");
  const bool mirrored =
      type && (type->equals("string") || type->equals("integer") || type->equals("boolean"));
  if (!mirrored) return bad_annotation("must stand on a string, an integer or a boolean");
  std::size_t bytes = name.size();
  for (const Value& step : path_) bytes += step.name_end() - step.name_begin();
  if (bytes > path_bytes || found_.size() == most_mirrored_arguments) {
    return bad_annotation("names too many arguments, or one too far down");
  }
  std::string key = name;
  std::ranges::transform(key, key.begin(), lower_case);
  if (!headers_.insert(std::move(key)).second) return bad_annotation("names one header twice");
  MirroredArgument argument{std::move(name), {}};
  argument.path.reserve(path_.size());
  for (const Value& step : path_) argument.path.push_back(step.name());
  found_.push_back(std::move(argument));
  return done();
}

// Nothing for what is absent or null.
std::optional<Value> argument_at(const std::optional<Value>& arguments,
                                 const std::vector<std::string>& path) {
  std::optional<Value> value = arguments;
  for (const std::string& name : path) {
    if (!value) return std::nullopt;
    value = value->find(name);
  }
  return value && !value->is_null() ? value : std::nullopt;
}

std::string full_name(const MirroredArgument& argument) {
  return std::string(argument_header_prefix) + argument.header;
}

bool is_line_of(const HeaderField& line, std::string_view header) {
  return line.name.size() == argument_header_prefix.size() + header.size() &&
         equal_ignoring_case(std::string_view(line.name).substr(0, argument_header_prefix.size()),
                             argument_header_prefix) &&
         equal_ignoring_case(std::string_view(line.name).substr(argument_header_prefix.size()),
                             header);
}

// Does the header's value mean this argument?
bool says(std::string_view header, const Value& argument) {
  if (const auto plain = argument.plain()) return says(header, *plain);
  if (argument.is_string()) return says(header, argument.text());
  if (argument.is_boolean()) return says(header, argument.raw());
  if (!argument.is_number()) return false;
  const auto said = decode_header_value(header);
  const auto number = safe_integer(argument.raw());
  return said && number && safe_integer(*said) == number;
}

}  // namespace

std::string encode_header_value(std::string_view text) {
  const bool plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
                     !looks_encoded(text) &&
                     std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (plain) return std::string(text);
  std::string value(encoded_prefix);
  value += base64_text(text);
  value += encoded_suffix;
  return value;
}

std::optional<std::string> decode_header_value(std::string_view value) {
  value = without_outer_spaces(value);
  if (!is_field_value(value)) return std::nullopt;
  if (!looks_encoded(value)) return std::string(value);
  if (value.size() < encoded_prefix.size() + encoded_suffix.size()) return std::nullopt;
  value.remove_prefix(encoded_prefix.size());
  value.remove_suffix(encoded_suffix.size());
  auto text = base64_bytes(value);
  if (!text || !is_utf8(*text)) return std::nullopt;
  return text;
}

std::optional<std::string> mirrored_name(const Message& message) {
  const std::string_view member = mirrored_member(message.method());
  const auto value = member.empty() ? std::nullopt : name_value(message, member);
  return value ? std::optional(value->text()) : std::nullopt;
}

Status check_mirrored(const MirroredHeaders& headers, const Message& message,
                      std::string_view body_revision) {
  Status revision = check_plain("MCP-Protocol-Version", headers.revision, body_revision, message);
  if (!revision) return revision;
  Status method = check_plain("Mcp-Method", headers.method, message.method(), message);
  if (!method) return method;
  const std::string_view member = mirrored_member(message.method());
  if (member.empty()) return done();
  const auto name = name_value(message, member);
  if (!headers.name) return name && message.is_request() ? Status(missing("Mcp-Name")) : done();
  return name && says(*headers.name, *name) ? done() : Status(differs("Mcp-Name"));
}

Result<std::vector<MirroredArgument>> mirrored_arguments(const Value& input_schema) {
  AnnotationReader reader;
  Status read = reader.read(input_schema, Standing::root);
  if (!read) return read.refusal();
  return reader.take();
}

Result<std::vector<HeaderField>> argument_headers(const std::vector<MirroredArgument>& mirrored,
                                                  const std::optional<Value>& arguments) {
  std::vector<HeaderField> lines;
  lines.reserve(mirrored.size());
  for (const MirroredArgument& argument : mirrored) {
    const auto value = argument_at(arguments, argument.path);
    if (!value) continue;
    HeaderField line;
    if (value->is_string()) {
      line.value = encode_header_value(value->text());
    } else if (value->is_boolean()) {
      line.value = value->raw();
    } else {
      const auto number = value->is_number() ? safe_integer(value->raw()) : std::nullopt;
      if (!number) {
        return Refusal(Reason::invalid_params,
                       "an argument that goes into a header must be a string, a boolean or an "
                       "integer within 2^53-1");
      }
      line.value = std::to_string(*number);
    }
    line.name = full_name(argument);
    lines.push_back(std::move(line));
  }
  return lines;
}

Status check_argument_headers(const std::vector<MirroredArgument>& mirrored,
                              const std::optional<Value>& arguments,
                              const std::vector<HeaderField>& given) {
  for (const MirroredArgument& argument : mirrored) {
    const auto is_its_line = [&](const HeaderField& line) {
      return is_line_of(line, argument.header);
    };
    const auto value = argument_at(arguments, argument.path);
    const auto line = std::ranges::find_if(given, is_its_line);
    if (line == given.end()) {
      if (value) return missing(full_name(argument));
      continue;
    }
    if (std::any_of(line + 1, given.end(), is_its_line)) {
      return mismatch("the header " + full_name(argument) + " came twice");
    }
    if (!value || !says(line->value, *value)) return differs(full_name(argument));
  }
  return done();
}

}  // namespace toolgate
