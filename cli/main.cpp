// router-maestro: the command line, and the supervisor of a local server.
#include <exception>
#include <string>
#include <vector>

#include "cli/app.h"

int main(int count, char** words) {
  using namespace maestro::cli;
  Caller caller;
  caller.environment = own_environment();
  caller.out = sheet_of(1, caller.environment);
  caller.messages = sheet_of(2, caller.environment);
  try {
    const auto commands = real_commands(caller);
    return static_cast<int>(run(std::vector<std::string>(words + 1, words + count), commands, caller));
  } catch (const std::exception& error) {
    caller.messages.line(std::string("This is a bug of router-maestro: ") + error.what());
    return static_cast<int>(ExitCode::failed);
  }
}
