#include "gateway/config/change_class.hpp"

#include <algorithm>

namespace toolgate {

Result<ChangeClass> change_class_from(std::string_view text) {
  const auto found = std::ranges::find(change_class_names, text);
  if (found != change_class_names.end()) {
    return static_cast<ChangeClass>(found - change_class_names.begin());
  }
  return Refusal(Reason::usage,
                 "the classes of changes are cosmetic, narrowed, widened, annotation-flipped, "
                 "instruction-bearing and new");
}

Result<std::vector<ChangeClass>> change_classes_from(std::string_view list) {
  std::vector<ChangeClass> classes;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    auto one = change_class_from(list.substr(at, end - at));
    if (!one) return one.refusal();
    classes.push_back(*one);
    at = end + 1;
  }
  return classes;
}

}  // namespace toolgate
