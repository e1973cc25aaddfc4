#include "gateway/scopes/path_arguments.hpp"

#include <algorithm>
#include <optional>

#include "gateway/config/problems.hpp"
#include "gateway/scopes/path_text.hpp"

namespace toolgate {
namespace {

constexpr std::size_t most_names = 4'096;  // of one schema; the rest go by their words alone
constexpr std::size_t shown_tokens = 12;   // of a pointer in a message
constexpr std::string_view unknown = "?";  // a member that the definition does not name

std::string text_of(const Value& object, std::string_view member) {
  auto value = object.find(member);
  return value && value->is_string() ? value->text() : "";
}

// Its values are among those that were approved: words about it say little.
bool is_enumerated(const Value& schema) { return schema.find("enum") || schema.find("const"); }

// Could a string of this text be a file: URI? Without decoding long ones.
bool may_be_uri(const Value& string) {
  constexpr std::size_t most_bytes = longest_path * 3 * 6;
  const std::string_view raw = string.raw();
  return raw.size() > 2 && raw.size() <= most_bytes &&
         std::string_view("fF\\ \"'`").contains(raw[1]);
}

}  // namespace

// One search through the arguments of a call.
class PathArguments::Search {
 public:
  explicit Search(const PathArguments& rules) : rules_(rules) {}

  void look(const Value& value, Likelihood likelihood) {
    if (value.is_string()) {
      take(value, likelihood);
    } else if (value.is_array()) {
      std::size_t position = 0;
      for (auto child = value.first(); child; child = child->following(value)) {
        enter(std::to_string(position++), std::nullopt);
        look(*child, likelihood);
        leave();
      }
    } else if (value.is_object()) {
      look_into(value, likelihood);
    }
  }
  void look_into(const Value& object, Likelihood around) {
    for (auto child = object.first(); child; child = child->following(object)) {
      std::string name = child->name();
      Likelihood likelihood = rules_.likelihood_of(name);
      const bool inside = around != Likelihood::no;
      if (inside && names_its_parent(name)) likelihood = std::max(likelihood, Likelihood::perhaps);
      if ((inside || declared_path()) && looks_like_path(name)) add(name, Grounds::path);
      const bool known = rules_.names_.contains(name);
      enter(std::move(name), known ? std::nullopt : std::optional(unknown));
      look(*child, likelihood);
      leave();
    }
  }
  void enter(std::string token, std::optional<std::string_view> shown) {
    shown_.push_back(shown ? std::string(*shown) : config::printable(token));
    place_.push_back(std::move(token));
  }
  void leave() {
    place_.pop_back();
    shown_.pop_back();
  }
  std::vector<PathArgument> take_found() { return std::move(found_); }

 private:
  using Grounds = PathArgument::Grounds;

  // What the longest pointer says that fits this place.
  std::optional<DeclaredArgument::Kind> declared() const {
    const DeclaredArgument* best = nullptr;
    std::size_t longest = 0;
    for (const DeclaredArgument& one : rules_.declared_) {
      const auto length = matches_pointer(one.pointer, place_);
      if (!length) continue;
      const bool decides = !best || *length > longest ||
                           (*length == longest && one.kind == DeclaredArgument::Kind::path);
      if (!decides) continue;
      best = &one;
      longest = *length;
    }
    return best ? std::optional(best->kind) : std::nullopt;
  }
  bool declared_path() const { return declared() == DeclaredArgument::Kind::path; }

  void take(const Value& string, Likelihood likelihood) {
    const auto kind = rules_.declared_.empty() ? std::nullopt : declared();
    if (kind == DeclaredArgument::Kind::path) return add(string.text(), Grounds::path);
    if (rules_.inference_ == Inference::off) return;
    if (kind || likelihood == Likelihood::no) {
      if (!may_be_uri(string)) return;
      std::string text = string.text();
      if (is_file_uri(text)) add(std::move(text), Grounds::path);
      return;
    }
    std::string text = string.text();
    if (text.empty()) return;
    const bool sure = likelihood == Likelihood::surely && !is_other_url(text);
    if (sure || looks_like_path(text)) {
      add(std::move(text), Grounds::path);
    } else if (may_be_path(text)) {
      add(std::move(text), Grounds::perhaps);
    }
  }

  void add(std::string text, Grounds grounds) {
    PointerTokens tokens = shown_;
    if (tokens.size() > shown_tokens) {
      tokens.resize(shown_tokens);
      tokens.emplace_back("...");
    }
    found_.push_back({"argument \"" + pointer_text(tokens) + "\"", std::move(text), grounds});
  }

  const PathArguments& rules_;
  PointerTokens place_;
  PointerTokens shown_;
  std::vector<PathArgument> found_;
};

PathArguments::PathArguments(const Definition& definition, std::vector<DeclaredArgument> declared,
                             Inference inference)
    : declared_(std::move(declared)), inference_(inference) {
  // A declared name is known without a schema.
  for (const DeclaredArgument& one : declared_) {
    for (const std::string& token : one.pointer) {
      names_.emplace(token,
                     inference == Inference::on ? likelihood_of_name(token) : Likelihood::no);
    }
  }
  auto document = parse_document(Untrusted<std::string>(definition.json), JsonLimits());
  if (!document) return;
  const Value root = document->root();
  if (definition.kind == ItemKind::prompt) read_prompt(root);
  if (auto schema = root.find("inputSchema")) read_schema(*schema);
}

// Every "properties" in it, wherever it stands: what is no schema there does no harm.
void PathArguments::read_schema(const Value& schema) {
  if (schema.is_object()) {
    auto properties = schema.find("properties");
    if (properties && properties->is_object()) read_properties(*properties);
  }
  for (auto child = schema.first(); child; child = child->following(schema)) {
    if (child->is_object() || child->is_array()) read_schema(*child);
  }
}

void PathArguments::read_properties(const Value& properties) {
  for (const Member& member : properties.members()) note(member.name, member.value);
}

void PathArguments::read_prompt(const Value& prompt) {
  auto arguments = prompt.find("arguments");
  if (!arguments) return;
  for (const Value& argument : arguments->elements()) note(text_of(argument, "name"), argument);
}

void PathArguments::note(const std::string& name, const Value& schema) {
  if (names_.size() >= most_names && !names_.contains(name)) return;
  Likelihood& known = names_[name];
  if (inference_ == Inference::off) return;
  Likelihood said = likelihood_of_name(name);
  if (schema.is_object()) {
    said = std::max(said, likelihood_of_format(text_of(schema, "format")));
    said = std::max(said, likelihood_of_description(text_of(schema, "description")));
    if (auto items = schema.find("items"); items && items->is_object()) {
      said = std::max(said, likelihood_of_format(text_of(*items, "format")));
    }
    if (is_enumerated(schema)) said = std::min(said, Likelihood::perhaps);
  }
  known = std::max(known, said);
}

Likelihood PathArguments::likelihood_of(const std::string& name) const {
  if (inference_ == Inference::off) return Likelihood::no;
  auto known = names_.find(name);
  return known == names_.end() ? likelihood_of_name(name) : known->second;
}

std::vector<PathArgument> PathArguments::in(const Value& arguments) const {
  Search search(*this);
  search.look(arguments, Likelihood::no);
  return search.take_found();
}

std::vector<PathArgument> PathArguments::in(std::string_view name, const Value& value) const {
  Search search(*this);
  std::string token(name);
  const Likelihood likelihood = likelihood_of(token);
  const bool known = names_.contains(token);
  search.enter(std::move(token), known ? std::nullopt : std::optional(unknown));
  search.look(value, likelihood);
  return search.take_found();
}

std::vector<PathArgument> PathArguments::in_uri(const std::string& uri) const {
  std::vector<PathArgument> found;
  if (inference_ == Inference::on && has_file_scheme(uri)) found.push_back({"the URI", uri});
  return found;
}

std::shared_ptr<const PathArguments> path_arguments(const ServerEntry& entry,
                                                    const Definition& definition) {
  std::vector<DeclaredArgument> declared;
  auto policy = entry.tools.find(definition.key);
  if (definition.kind == ItemKind::tool && policy != entry.tools.end()) {
    declared = policy->second.scopes;
  }
  if (entry.files.empty() && declared.empty()) return nullptr;
  const auto inference =
      entry.files.empty() ? PathArguments::Inference::off : PathArguments::Inference::on;
  return std::make_shared<const PathArguments>(definition, std::move(declared), inference);
}

}  // namespace toolgate
