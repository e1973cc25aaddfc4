#include "gateway/broker/change_meaning.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace toolgate {
namespace {

bool is_break(char c) { return c == ' ' || c == '\n' || c == '\r'; }

// The same words in the same order, whatever stands between them? A tab counts as a part of a word.
bool have_same_words(std::string_view a, std::string_view b) {
  const auto next = [](std::string_view& text) {
    while (!text.empty() && is_break(text.front())) text.remove_prefix(1);
    const auto end = static_cast<std::size_t>(std::ranges::find_if(text, is_break) - text.begin());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
  };
  for (;;) {
    const std::string_view one = next(a);
    const std::string_view other = next(b);
    if (one != other) return false;
    if (one.empty()) return true;
  }
}

// A text of such a subtree could tell a model something.
bool holds_text(const Where& where, const Value* value);

bool member_holds_text(const Where& parent, const Value& object, const Member& member) {
  const Where where = member_below(parent, member.name, &object);
  return where.is_spoken || holds_text(where, &member.value);
}

bool is_type_name(std::string_view text) {
  constexpr std::array<std::string_view, 7> types = {"string", "number", "integer", "boolean",
                                                     "object", "array",  "null"};
  return std::ranges::find(types, text) != types.end();
}

// Of JSON Schema and of OpenAPI.
bool is_format_name(std::string_view text) {
  constexpr std::array<std::string_view, 28> formats = {"date-time",
                                                        "date",
                                                        "time",
                                                        "duration",
                                                        "email",
                                                        "idn-email",
                                                        "hostname",
                                                        "idn-hostname",
                                                        "ipv4",
                                                        "ipv6",
                                                        "uri",
                                                        "uri-reference",
                                                        "iri",
                                                        "iri-reference",
                                                        "uuid",
                                                        "uri-template",
                                                        "regex",
                                                        "json-pointer",
                                                        "relative-json-pointer",
                                                        "int32",
                                                        "int64",
                                                        "float",
                                                        "double",
                                                        "byte",
                                                        "binary",
                                                        "password",
                                                        "url",
                                                        "path"};
  return std::ranges::find(formats, text) != formats.end();
}

// A pattern can spell out what a value has to say: letters outside of [...] are counted.
bool is_terse_pattern(std::string_view text) {
  constexpr int letters_most = 12;
  int letters = 0;
  bool in_class = false;
  bool escaped = false;
  for (char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    letters += letter && !in_class && !escaped ? 1 : 0;
    if (!escaped && (c == '[' || c == ']')) in_class = c == '[';
    escaped = !escaped && c == '\\';
  }
  return is_plain_word(text) && letters <= letters_most;
}

bool string_holds_text(const Where& where, const std::string& text) {
  switch (where.spot) {
    case Spot::required:
      return !is_plain_word(text) || !where.properties || !where.properties->find(text);
    case Spot::types:
    case Spot::type:
      return !is_type_name(text);
    case Spot::format:
      return !is_format_name(text);
    case Spot::pattern:
      return !is_terse_pattern(text);
    case Spot::dialect:
    case Spot::media_type:
    case Spot::annotations:
    case Spot::execution:
      return !is_plain_word(text);
    default:
      return true;
  }
}

bool holds_text(const Where& where, const Value* value) {
  if (value == nullptr) return false;
  if (value->is_string()) return string_holds_text(where, value->text());
  if (value->is_array()) {
    auto element = value->first();
    while (element) {
      if (holds_text(element_below(where), &*element)) return true;
      element = element->following(*value);
    }
    return false;
  }
  if (!value->is_object()) return false;
  const auto members = value->members();
  return std::ranges::any_of(
      members, [&](const Member& member) { return member_holds_text(where, *value, member); });
}

// What it means that something was added, removed, or replaced by something else.
struct Ways {
  ChangeClass added;
  ChangeClass removed;
  ChangeClass replaced;
};

ChangeClass pick(const Ways& classes, const Value* was, const Value* now) {
  return was == nullptr ? classes.added : now == nullptr ? classes.removed : classes.replaced;
}

constexpr auto narrowed = ChangeClass::narrowed;
constexpr auto widened = ChangeClass::widened;
constexpr auto instructs = ChangeClass::instruction_bearing;

ChangeClass class_of_bound(const Value* was, const Value* now, bool upper) {
  const bool numbers = was && now && was->is_number() && now->is_number();
  if (!numbers) return pick({narrowed, widened, widened}, was, now);
  const bool less = now->number() < was->number();
  return less == upper ? narrowed : widened;
}

bool has_type(const Value& types, std::string_view name) {
  if (types.is_string()) return types.equals(name);
  const auto elements = types.elements();
  return std::ranges::any_of(elements, [&](const Value& type) {
    return type.is_string() && (type.equals(name) || (name == "integer" && type.equals("number")));
  });
}

// Is every type that is accepted now one that was accepted?
bool is_within(const Value& now, const Value& was) {
  const auto fits = [&](const Value& type) {
    if (!type.is_string()) return false;
    return has_type(was, type.text()) || (type.equals("integer") && has_type(was, "number"));
  };
  if (now.is_string()) return fits(now);
  const auto elements = now.elements();
  return now.is_array() && std::ranges::all_of(elements, fits);
}

ChangeClass class_of_types(const Value* was, const Value* now) {
  if (was == nullptr || now == nullptr) return pick({narrowed, widened, widened}, was, now);
  return is_within(*now, *was) ? narrowed : widened;
}

ChangeClass class_of_open_schema(const Value* was, const Value* now) {
  // Absent and true mean the same: anything.
  const auto says = [](const Value* value, bool what) {
    return value ? value->is_boolean() && value->boolean() == what : what;
  };
  if (says(now, true)) return says(was, true) ? ChangeClass::cosmetic : widened;
  if (says(was, true)) return narrowed;
  return says(now, false) && now ? narrowed : widened;
}

ChangeClass class_of_text(const Value* was, const Value* now) {
  const bool strings = was && now && was->is_string() && now->is_string();
  if (strings && have_same_words(was->text(), now->text())) return ChangeClass::cosmetic;
  return instructs;
}

ChangeClass class_of_permission(const Value* was, const Value* now) {
  const auto permits = [](const Value* value) {
    return value && !(value->is_boolean() && !value->boolean());
  };
  return permits(now) ? widened : permits(was) ? narrowed : ChangeClass::cosmetic;
}

ChangeClass class_of_argument_required(const Value* was, const Value* now) {
  const auto demands = [](const Value* value) {
    return value && value->is_boolean() && value->boolean();
  };
  return demands(now) ? narrowed : demands(was) ? widened : ChangeClass::cosmetic;
}

// Where no text is in play, or where less is offered whatever it said.
ChangeClass class_without_text(const Where& where, const Value* was, const Value* now) {
  switch (where.spot) {
    case Spot::annotations:
      return ChangeClass::annotation_flipped;
    case Spot::open_schema:
      return class_of_open_schema(was, now);
    case Spot::argument:
    case Spot::alternative:
    case Spot::choice:
    case Spot::type:
      return pick({widened, narrowed, widened}, was, now);
    case Spot::argument_required:
      return class_of_argument_required(was, now);
    case Spot::property:
      return pick({widened, where.is_closed ? narrowed : widened, widened}, was, now);
    case Spot::schema:
    case Spot::alternatives:
    case Spot::conjunction:
    case Spot::required:
    case Spot::dependent_required:
    case Spot::restriction:
    case Spot::pattern:
    case Spot::format:
    case Spot::constant:
    case Spot::choices:
      return pick({narrowed, widened, widened}, was, now);
    case Spot::types:
      return class_of_types(was, now);
    case Spot::at_most:
      return class_of_bound(was, now, true);
    case Spot::at_least:
      return class_of_bound(was, now, false);
    case Spot::permission:
      return class_of_permission(was, now);
    default:
      return widened;
  }
}

// Less is offered, whatever the part that went away said.
bool only_takes_away(const Where& where, const Value* now) {
  if (now != nullptr) return false;
  return where.spot == Spot::alternative || where.spot == Spot::argument ||
         where.spot == Spot::choice || (where.spot == Spot::property && where.is_closed);
}

// What a value that went away told a model matters for prose, not for words of a list.
bool lists_words(Spot spot) {
  return spot == Spot::choices || spot == Spot::constant || spot == Spot::required ||
         spot == Spot::types || spot == Spot::pattern || spot == Spot::format;
}

ChangeClass class_of(const Where& where, const Value* was, const Value* now) {
  if (where.spot == Spot::text) return class_of_text(was, now);
  if (where.spot == Spot::value) return instructs;
  if (!only_takes_away(where, now)) {
    if (was == nullptr && where.is_spoken) return instructs;
    if (holds_text(where, now)) return instructs;
    if (!lists_words(where.spot) && holds_text(where, was)) return instructs;
  }
  return class_without_text(where, was, now);
}

}  // namespace

ChangeClass class_of_change(const Where& where, const Value* was, const Value* now) {
  const ChangeClass found = class_of(where, was, now);
  return found == narrowed && where.is_reversible ? widened : found;
}

ChangeClass class_of_reordering(const Where& where, const Value& now) {
  // Words of a list can be put so that they make a sentence.
  return where.spot == Spot::choices && holds_text(where, &now) ? instructs : ChangeClass::cosmetic;
}

}  // namespace toolgate
