#pragma once
// What odd characters say about a text. Nearly all of them have a language or a use in which they
// are ordinary; a signal is what none of these explains.

#include <span>
#include <string_view>
#include <vector>

#include "inspectors/judgement.hpp"
#include "inspectors/normal_form.hpp"

namespace toolgate {

// Every signal that this can find.
std::span<const SignalKind> character_signal_kinds();

// `form` is that of `text`.
void character_signals(std::string_view text, const NormalForm& form, Surface surface,
                       std::vector<Signal>& signals);

}  // namespace toolgate
