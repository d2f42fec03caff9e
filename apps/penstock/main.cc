// The one binary: `penstock COMMAND [flags]`.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/serve.h"
#include "penstock/signals.h"

namespace {

constexpr int kExitUsage = 2;

constexpr const char* kUsage =
    "usage: penstock COMMAND [flags]\n"
    "\n"
    "  serve      serve a model over the OpenAI API: frontend and engine in one process\n"
    "\n"
    "penstock COMMAND --help explains a command's flags; penstock --version says which this is.\n";

}  // namespace

int main(int argc, char** argv) {
  penstock::apps::block_signals();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string_view command = arguments.empty() ? "" : std::string_view(arguments[0]);
  if (command == "serve") return penstock::apps::serve({arguments.begin() + 1, arguments.end()});
  if (command == "--version") {
    std::puts("penstock " PENSTOCK_VERSION);
    return 0;
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!command.empty()) {
    std::fprintf(stderr, "penstock: '%s' is no command.\n", arguments[0].c_str());
  }
  std::fputs(kUsage, stderr);
  return kExitUsage;
}
