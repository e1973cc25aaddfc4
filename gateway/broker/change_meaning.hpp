#pragma once
// What the change of one value of a definition means: its class. The rules of JSON Schema decide
// where a value stands in a schema (more or less is accepted); every text that could reach a model
// bears instructions, also one that is not known to; and where the rules do not reach, the riskier
// class is meant.

#include "gateway/broker/definition_spot.hpp"
#include "gateway/config/change_class.hpp"

namespace toolgate {

// One of the two may be missing; they are different.
ChangeClass class_of_change(const Where& where, const Value* was, const Value* now);
// The same elements of a set, in another order.
ChangeClass class_of_reordering(const Where& where, const Value& now);

}  // namespace toolgate
