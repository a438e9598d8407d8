// How a command ended, in the numbers that scripts read. Every command ends in one of these and nothing else.
#pragma once

#include "base/error.h"

namespace maestro::cli {

enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,            // unknown command or option, missing or wrong argument
  unreachable = 3,      // no server answers
  unauthenticated = 4,  // the server does not know our key
  interrupted = 130,
};

ExitCode exit_code_of(const Error& error);

}  // namespace maestro::cli
