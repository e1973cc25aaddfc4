#pragma once
// Where in a definition a value stands, as far as that says what a change of it means: a text that
// a model reads, a bound of a schema, a set of required names. Positions are followed from the root
// of the definition, so that a property that is called "required" is not taken for the keyword.

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/core/document.hpp"
#include "signing/pins.hpp"

namespace toolgate {

enum class Spot : std::uint8_t {
  tool,
  prompt,
  resource,
  unknown,      // nothing is known: a string may reach a model, anything else may widen
  text,         // read by a model
  value,        // the same for any type: default, examples
  annotations,  // hints of a server about itself
  execution,    // how a tool runs: taskSupport
  media_type,   // of a resource
  arguments,    // of a prompt
  argument,
  argument_required,

  schema,       // a schema that a value must satisfy as well
  open_schema,  // one that holds for what nothing else speaks of; absent means anything
  properties,   // name -> schema
  property,     // one of them
  pattern_properties,
  pattern_property,
  definitions,  // name -> schema that is used elsewhere
  definition,
  dependent_schemas,
  alternatives,  // one of these schemas must fit
  alternative,
  exclusive_alternatives,  // exactly one
  exclusive_alternative,
  conjunction,  // all must fit
  positions,    // for the first, second... element
  position,
  reversed_schema,  // must not fit, or decides which other one counts
  required,         // a set of names
  dependent_required,
  types,        // a name or a set of names
  type,         // one of them
  choices,      // enum
  choice,       // one of them
  constant,     // const
  at_most,      // maximum and its kin
  at_least,     // minimum and its kin
  restriction,  // multipleOf: another one may mean anything
  pattern,      // the same
  format,
  permission,  // true permits more (nullable)
  dialect,     // $schema, $ref, $id: decide how the rest is read
};

// A place while walking through a definition.
struct Where {
  Spot spot = Spot::unknown;
  bool is_reversible = false;  // less of it may mean more of the whole: within "not", "if", "$defs"
  bool is_closed = false;      // of properties: nothing else is accepted beside them
  bool is_spoken = false;      // its name is chosen freely, and more than a plain word
  std::optional<Value> properties;  // of required names: what they may name
};

Where root_of(ItemKind kind);
// Of a member of the value at `parent`, of which `parent_now` is the new one (null: there is none).
Where member_below(const Where& parent, std::string_view name, const Value* parent_now);
Where element_below(const Where& parent);

// One word, as identifiers, patterns and addresses are: it says nothing to a reader.
bool is_plain_word(std::string_view text);

// Is the order of this array's elements without a meaning?
bool is_set(Spot spot);

}  // namespace toolgate
