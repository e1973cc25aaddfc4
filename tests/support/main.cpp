#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

// Programs that link the connectors start servers through themselves, executed anew as the keeper.
// Others do not have these functions.
namespace toolgate {
__attribute__((weak)) bool is_keeper(int argc, char** argv);
__attribute__((weak)) int keeper_main(int argc, char** argv);
}  // namespace toolgate

int main(int argc, char** argv) {
  if (toolgate::is_keeper != nullptr && toolgate::is_keeper(argc, argv)) {
    return toolgate::keeper_main(argc, argv);
  }
  doctest::Context context(argc, argv);
  return context.run();
}
