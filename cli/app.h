// The command line as a whole: groups of commands (one file each), help, usage errors that name what is near, exit
// codes. It is given its commands, so that tests see what was parsed.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/server_commands.h"

namespace maestro::cli {

struct Commands {
  ServerCommands server{};
};

Commands real_commands(const Caller& caller);
// `arguments` without the program's own name.
ExitCode run(const std::vector<std::string>& arguments, const Commands& commands, const Caller& caller);

}  // namespace maestro::cli
